using System.Globalization;

namespace Clinker.Server.Seeing;

/// <summary>How this process itself is, under the names that Prometheus' client libraries share.</summary>
sealed class ProcessMetrics(string version, TimeProvider time)
{
    readonly double started = time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;

    public void WriteTo(PrometheusText text)
    {
        void One(string name, string type, string help, double value, string labels = "")
        {
            text.Family(name, type, help);
            text.Sample(name, labels, value);
        }

        One("clinker_build_info", "gauge", "1; the version is its label.", 1, PrometheusText.Labels(new KeyValuePair<string, string>("version", version)));
        One("process_start_time_seconds", "gauge", "When the process started, in seconds since 1970.", started);
        One("process_cpu_seconds_total", "counter", "CPU time, of user and system.", Environment.CpuUsage.TotalTime.TotalSeconds);
        One("process_resident_memory_bytes", "gauge", "Resident memory.", Environment.WorkingSet);
        if (Count("/proc/self/fd") is { } fds) One("process_open_fds", "gauge", "Open file descriptors.", fds);
        if (MostFds() is { } most) One("process_max_fds", "gauge", "How many file descriptors may be open.", most);
        if (Count("/proc/self/task") is { } threads) One("process_threads", "gauge", "Threads of the operating system.", threads);

        text.Family("dotnet_gc_collections_total", "counter", "Garbage collections, by generation; a higher one includes the lower.");
        for (var i = 0; i <= GC.MaxGeneration; i++)
            text.Sample("dotnet_gc_collections_total", PrometheusText.Labels(new KeyValuePair<string, string>("generation", i.ToString(CultureInfo.InvariantCulture))), GC.CollectionCount(i));
        One("dotnet_gc_pause_seconds_total", "counter", "Time in which collections stopped everything.", GC.GetTotalPauseDuration().TotalSeconds);
        One("dotnet_gc_heap_bytes", "gauge", "Memory in use by objects.", GC.GetTotalMemory(forceFullCollection: false));
        One("dotnet_gc_allocated_bytes_total", "counter", "Memory ever taken by objects.", GC.GetTotalAllocatedBytes());
        One("dotnet_threadpool_threads", "gauge", "Threads of the pool.", ThreadPool.ThreadCount);
        One("dotnet_threadpool_queue_length", "gauge", "Work that waits for a thread of the pool.", ThreadPool.PendingWorkItemCount);
        One("dotnet_lock_contentions_total", "counter", "How often a lock was found taken.", Monitor.LockContentionCount);
    }

    static int? Count(string directory)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries(directory).Count();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    static double? MostFds()
    {
        try
        {
            foreach (var line in File.ReadLines("/proc/self/limits"))
                if (line.StartsWith("Max open files", StringComparison.Ordinal)
                    && line["Max open files".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var soft, ..]
                    && double.TryParse(soft, CultureInfo.InvariantCulture, out var most)) return most;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not Linux, or /proc is not mounted: the metric is absent.
        }
        return null;
    }
}
