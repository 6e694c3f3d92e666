using System.ComponentModel;
using System.Text.Json;
using Clinker.Drivers;
using Clinker.Formats;
using Clinker.Host;
using Clinker.Operations;

namespace Clinker.Outside;

/// <summary>How images of other formats are converted. Names are Cinder's options.</summary>
/// <param name="Directory">Where (image_conversion_dir): room for the image and for the disk in it.</param>
/// <param name="Disabled">Only raw images are taken (image_conversion_disable).</param>
/// <param name="Cpu">
/// The processor time that qemu-img may use to look at an image (image_conversion_cpu_limit). To convert one it has <see cref="ImageConversion.CpuPerGib"/>
/// more: 128 MiB become a streamed VMDK in 3.5 s.
/// </param>
/// <param name="AddressSpaceBytes">The memory that it may ask for (image_conversion_address_space_limit).</param>
public sealed record ConversionSettings(string Directory, bool Disabled, TimeSpan Cpu, long AddressSpaceBytes)
{
    /// <summary>The kinds of VMDK images that are taken (vmdk_allowed_types).</summary>
    public IReadOnlyList<string> VmdkTypes { get; init; } = DiskImage.VmdkTypes;

    /// <summary>Room in bytes that is left to whatever else is on that file system, the database maybe, by what is unpacked there: nobody knows before how much that becomes.</summary>
    public long LeastFree { get; init; } = 1L << 30;

    /// <summary>How long one conversion may last, however little it computes.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromHours(6);
}

/// <summary>
/// Runs qemu-img on files of a scratch directory. It is told the format, never asked to guess it, and what it opens has been looked at
/// before (<see cref="DiskImage"/>); it runs under limits, since a crafted image may make it use as much as there is.
/// </summary>
public sealed class ImageConversion(ConversionSettings settings) : IDisposable
{
    /// <summary>Conversions at the same time: each takes a processor and room.</summary>
    const int MostAtOnce = 4;

    /// <summary>The processor time that the conversion of each GiB may take: ten times of what the slowest format takes, and an end for what was crafted to have none.</summary>
    public static readonly TimeSpan CpuPerGib = TimeSpan.FromMinutes(5);

    readonly SemaphoreSlim turns = new(MostAtOnce);

    internal IReadOnlyList<string> VmdkTypes => settings.VmdkTypes;

    internal long LeastFree => settings.LeastFree;

    /// <summary>Does something with a scratch directory that is there only meanwhile.</summary>
    /// <param name="bytes">The room that is needed at least.</param>
    internal async Task With(long bytes, string imageId, Func<Scratch, Task> work, CancellationToken token)
    {
        if (settings.Disabled)
            throw Image.Unacceptable(imageId, "it is not raw, and conversions are disabled here.");
        await turns.WaitAsync(token);
        try
        {
            using var scratch = Scratch.Make(settings.Directory);
            Demand(scratch, bytes);
            await work(scratch);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new Fault.DriverFailed("convert the image", $"{settings.Directory}: {e.Message}").Thrown(e);
        }
        finally { turns.Release(); }
    }

    /// <exception cref="FaultException">DriverFailed: there is less room.</exception>
    internal static void Demand(Scratch scratch, long bytes)
    {
        if (scratch.Free < bytes)
            throw new Fault.DriverFailed("convert the image", $"its conversion needs {bytes} bytes of room, and there are {scratch.Free}.").Thrown();
    }

    /// <summary>The size of the disk in an image, in bytes.</summary>
    /// <exception cref="FaultException">Invalid: it can't be read, or needs other files.</exception>
    internal async Task<long> SizeOf(string file, string format, string imageId, CancellationToken token)
    {
        var answer = await QemuImg(["info", "--output=json", "-f", format, file], Unacceptable(imageId), settings.Cpu, null, token);
        try
        {
            using var json = JsonDocument.Parse(answer);
            var info = json.RootElement;
            if (info.GetProperty("format").GetString() != format || NamesOthers(info, file))
                throw Image.Unacceptable(imageId, "it needs other files.");
            return info.GetProperty("virtual-size").GetInt64();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw Image.Unacceptable(imageId, "qemu-img can't say how large it is.");
        }
    }

    /// <summary>Whether qemu-img tells of files other than this one.</summary>
    static bool NamesOthers(JsonElement said, string file) => said.ValueKind switch
    {
        JsonValueKind.Object => said.EnumerateObject().Any(m => m.Name is "backing-filename" or "full-backing-filename" or "data-file"
            || (m.Name == "filename" && m.Value.GetString() != file) || NamesOthers(m.Value, file)),
        JsonValueKind.Array => said.EnumerateArray().Any(e => NamesOthers(e, file)),
        _ => false,
    };

    /// <param name="bytes">The size of the disk in it: what the conversion counts as.</param>
    internal async Task Convert(string from, string format, string to, string toFormat, long bytes, string imageId, Progress? progress, CancellationToken token)
    {
        var far = new ToolProgress(progress, bytes);
        // In a volume's own bytes there is nothing that could be wrong.
        Func<string, Fault> refusal = format == ImageFormats.Raw ? why => new Fault.DriverFailed("make the image", $"as {toFormat}: {why}") : Unacceptable(imageId);
        await QemuImg(["convert", "-p", "-f", format, "-O", toFormat, .. Options(toFormat), from, to], refusal, CpuFor(bytes), far.Hear, token);
        far.Whole();
    }

    TimeSpan CpuFor(long bytes) => settings.Cpu + CpuPerGib * (bytes / (double)(1L << 30));

    /// <summary>
    /// VMDK: a single file that is read from its start to its end, as clients of the image service expect it (cinder/image/image_utils.py). VHD: as
    /// large as the volume; else it is rounded up to what cylinders, heads and sectors make, and fits into no volume of that size.
    /// </summary>
    static string[] Options(string format) => format switch { "vmdk" => ["-o", "subformat=streamOptimized"], "vpc" => ["-o", "force_size=on"], _ => [] };

    public void Dispose() => turns.Dispose();

    static Func<string, Fault> Unacceptable(string imageId) => why => Image.Unacceptable(imageId, why).Fault;

    /// <param name="refusal">What it means that it can't.</param>
    async Task<string> QemuImg(string[] arguments, Func<string, Fault> refusal, TimeSpan cpu, Action<string>? said, CancellationToken token)
    {
        ProcessResult result;
        try { result = await Processes.Run("qemu-img", arguments, settings.Deadline, said, new(settings.AddressSpaceBytes, cpu), token); }
        catch (TimeoutException e) { throw refusal(e.Message).Thrown(e); }
        catch (IOException e) { throw new Fault.Unavailable(e.Message).Thrown(e); }
        catch (Win32Exception e) { throw new Fault.Misconfigured($"qemu-img (qemu-utils) can't be run by prlimit (util-linux): {e.Message}.").Thrown(e); }
        if (result.ExitCode == 0) return result.Output;
        if (result.Error.Contains("No space left on device", StringComparison.Ordinal))
            throw new Fault.DriverFailed("convert the image", $"{settings.Directory} is full.").Thrown(new IOException(result.Error.Trim()));
        // What qemu-img says may hold what stands in a file that it should not have read: it is not for the user.
        throw refusal("qemu-img can't read or write it.").Thrown(new IOException($"qemu-img {arguments[0]} exited with {result.ExitCode}: {result.Error.Trim()}"));
    }
}
