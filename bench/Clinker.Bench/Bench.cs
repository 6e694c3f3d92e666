using System.Globalization;
using Clinker.Tests.Outside;

namespace Clinker.Bench;

/// <summary>The order in which things are measured, each on a state directory that nothing else has touched.</summary>
sealed class Bench(string kind, Scale scale, string only)
{
    /// <summary>After which a daemon counts as idle.</summary>
    static readonly TimeSpan Quiet = TimeSpan.FromSeconds(5);

    readonly Report report = new(kind);

    /// <summary>0, or 1 when a measurement failed; figures that miss their bar are no failure.</summary>
    public async Task<int> Run(string? output)
    {
        try
        {
            await Circumstances();
            if (kind == "outage")
            {
                await new Outage(report).Run();
                return 0;
            }
            if (Asked("sizes"))
                foreach (var name in (string[])["clinkerd", "clinker"])
                    report.Add($"size of {name}", "MB", [new FileInfo(Site.Executable(name)).Length / 1e6], Bar.AtMost(40));
            if (Asked("idle")) await Idle();
            if (Asked("writes") || Asked("shows")) await Live();
            if (Asked("copies")) await WithData((site, daemon) => new Copies(site, daemon, report, scale));
            if (kind == "gluster" && Asked("instants")) await WithData((site, daemon) => new Instants(site, daemon, report, scale));
            if (kind == "gluster" && Asked("images"))
            {
                await using var glance = new FakeGlance();
                await WithData((site, daemon) => new Images(site, daemon, glance, report, scale), glance.Url);
            }
            if (kind == "embedded")
            {
                if (Asked("lists") || Asked("starts")) await Filled();
                if (Asked("tokens")) await new WithTokens(report, scale).Run();
            }
            return 0;
        }
        catch (Exception e) when (e is InvalidDataException or TimeoutException or IOException)
        {
            Console.Error.WriteLine($"bench: {e.Message}");
            return 1;
        }
        finally
        {
            if (output is not null) report.WriteTo(output);
        }
    }

    bool Asked(string part) => only.Length == 0 || only.Split(',').Contains(part);

    async Task Circumstances()
    {
        var load = (await File.ReadAllTextAsync("/proc/loadavg")).Split(' ');
        report.Say(string.Create(CultureInfo.InvariantCulture,
            $"{kind}; {Environment.ProcessorCount} cores; load average before: {load[0]} {load[1]} {load[2]}; Linux {Environment.OSVersion.Version}"));
        Report.Head();
    }

    /// <summary>A daemon that has answered once.</summary>
    async Task Idle()
    {
        await using var site = kind == "gluster" ? await Site.Gluster() : Site.Embedded();
        using var daemon = Daemon.Start(site);
        await Task.Delay(Quiet);
        report.Add("resident, idle", "MB", [daemon.ResidentMb()], Bar.AtMost(60));
        var before = daemon.CpuSeconds();
        await Task.Delay(Quiet);
        report.Add("CPU of the idle daemon, of one core", "%", [(daemon.CpuSeconds() - before) / Quiet.TotalSeconds * 100]);
        await daemon.Stop();
    }

    /// <summary>A daemon that makes volumes.</summary>
    async Task Live()
    {
        await using var site = kind == "gluster" ? await Site.Gluster() : Site.Embedded();
        using var daemon = Daemon.Start(site);
        try
        {
            report.Add("fsync of 4 KiB on this file system (median)", "ms", [site.SyncMs()]);
            var creates = new Creates(daemon, report, scale);
            creates.WarmUp();
            if (Asked("writes"))
            {
                creates.Alone();
                creates.Together();
                creates.AcceptRate();
            }
            if (Asked("shows")) new Reads(daemon, report, scale).Show(creates.One());
            await Task.Delay(Quiet);
            report.Add("resident, after this load", "MB", [daemon.ResidentMb()]);
            await daemon.Stop();
        }
        catch (Exception e) when (e is InvalidDataException or TimeoutException)
        {
            throw new InvalidDataException($"{e.Message}\nThe daemon's last words:\n{daemon.LastWords()}", e);
        }
    }

    /// <summary>A daemon whose volumes hold data.</summary>
    async Task WithData(Func<Site, Daemon, OfOneVolume> part, Uri? glance = null)
    {
        await using var site = kind == "gluster" ? await Site.Gluster(glance) : Site.Embedded();
        using var daemon = Daemon.Start(site);
        await part(site, daemon).Run();
        await daemon.Stop();
    }

    /// <summary>Databases with many rows.</summary>
    async Task Filled()
    {
        foreach (var count in (int[])[1_000, 10_000, 100_000])
        {
            await using var site = Site.Embedded();
            string like;
            using (var first = Daemon.Start(site))
            {
                like = new Creates(first, report, scale).One();
                await first.Stop();
            }
            await Rows.Fill(site.Database, like, count);
            if (count == 10_000 && Asked("starts")) await Starts(site);
            if (!Asked("lists")) continue;
            using var daemon = Daemon.Start(site);
            var reads = new Reads(daemon, report, scale);
            if (count == 1_000) reads.Page(50, count, Bar.AtMost(1.5));
            if (count == 100_000) reads.Page(1_000, count, Bar.AtMost(15), Bar.AtMost(25));
            else reads.Page(1_000, count);
            report.Add($"resident, after pages of {count:N0}", "MB", [daemon.ResidentMb()]);
            await daemon.Stop();
        }
    }

    async Task Starts(Site site)
    {
        var times = new List<double>();
        for (var i = 0; i < scale.Starts; i++)
        {
            using var daemon = Daemon.Start(site);
            times.Add(daemon.FirstAnswerMs);
            await daemon.Stop();
        }
        report.Add("start to first answer, 10,000 volumes", "ms", times, Bar.AtMost(150));
    }
}
