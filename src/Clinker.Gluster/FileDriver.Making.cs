using System.ComponentModel;
using System.Globalization;
using Clinker.Gluster.Native;
using Clinker.Host;
using Clinker.Operations;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

// The three ways in which a volume's file comes to be: sparse and thick raw, and qcow2.
public abstract partial class FileDriver
{
    const int ZeroesAtOnce = 16 * 1024 * 1024;

    /// <summary>Makes a volume's file in one act.</summary>
    bool Make(Place place, VolumeSpec spec, Action<SafeFileHandle> fill, CancellationToken token)
    {
        using var dir = place.Open();
        if (VolumeFiles.Exists(dir, layout, spec)) return false;
        using var file = VolumeFiles.Begin(dir, layout, spec);
        try
        {
            fill(file);
            VolumeFiles.Publish(place, dir, file, layout, spec, token);
            return true;
        }
        catch
        {
            TidyUp(dir, spec);
            throw;
        }
    }

    async Task<bool> Thick(Errand on, VolumeSpec spec)
    {
        try
        {
            return await Act(
                on with { Deadline = on.Deadline + ThickPerGib * (spec.Bytes / Gib) },
                token => Make(on.Place, spec, file => Libc.Allocate(file, spec.Bytes), token));
        }
        catch (FaultException e) when (e.InnerException is ErrnoException { Errno: Errno.EOPNOTSUPP })
        {
            Log.WritesZeroes(log, backend, on.Place.Name, spec.Id);
        }
        // No fallocate there: every byte is written, an act at a time, so that each has its deadline.
        return await InSteps(on, spec, async dir =>
        {
            var zeroes = new byte[ZeroesAtOnce];
            for (long at = 0; at < spec.Bytes; at += ZeroesAtOnce)
                await Act(on, _ =>
                {
                    using var file = VolumeFiles.Resume(dir, layout, spec);
                    Libc.Write(file, zeroes.AsSpan(0, (int)Math.Min(ZeroesAtOnce, spec.Bytes - at)), at);
                    return true;
                });
        });
    }

    Task<bool> Image(Errand on, VolumeSpec spec) =>
        InSteps(on, spec, async dir =>
        {
            // Through our own descriptor, so that qemu-img too writes into the proven directory and nowhere else.
            var path = $"/proc/{Environment.ProcessId}/fd/{dir.DangerousGetHandle()}/{layout.Work(spec.Id, spec.Generation)}";
            var preallocation = spec.Provisioning == Provisioning.Thick ? "falloc" : "metadata";
            ProcessResult result;
            try
            {
                result = await Processes.Run(options.QemuImg,
                    ["create", "-q", "-f", "qcow2", "-o", $"preallocation={preallocation}", path, spec.Bytes.ToString(CultureInfo.InvariantCulture)],
                    options.ActDeadline + ThickPerGib * (spec.Bytes / Gib), on.Token);
            }
            catch (Win32Exception e)
            {
                throw new Fault.DriverFailed(on.Verb, $"{options.QemuImg} can't be run ({e.Message}). Install the package qemu-utils.").Thrown(e);
            }
            catch (TimeoutException e)
            {
                throw new Fault.BackendDown(backend, $"{on.Place.Name} does not answer: {e.Message}").Thrown(e);
            }
            if (result.ExitCode == 0) return;
            Log.ToolFailed(log, options.QemuImg, result.ExitCode, result.Error);
            throw (result.Error.Contains("No space left on device", StringComparison.Ordinal) ? new Fault.ShareFull(on.Place.Name)
                : result.Error.Contains("Transport endpoint is not connected", StringComparison.Ordinal) || result.Error.Contains("Input/output error", StringComparison.Ordinal)
                    ? new Fault.BackendDown(backend, $"{on.Place.Name} is not connected")
                    : (Fault)new Fault.DriverFailed(on.Verb, $"qemu-img failed with exit code {result.ExitCode}; the log has its words.")).Thrown();
        });

    /// <summary>Makes a volume's file in several acts, with one open directory through all of them.</summary>
    async Task<bool> InSteps(Errand on, VolumeSpec spec, Func<SafeFileHandle, Task> fill)
    {
        var place = on.Place;
        var begun = await Act(on, _ =>
        {
            var dir = place.Open();
            try
            {
                if (VolumeFiles.Exists(dir, layout, spec)) { dir.Dispose(); return null; }
                VolumeFiles.Begin(dir, layout, spec).Dispose();
                return dir;
            }
            catch { dir.Dispose(); throw; }
        });
        if (begun is null) return false;
        using var dir = begun;
        try
        {
            await fill(dir);
            await Act(on, token =>
            {
                using var file = VolumeFiles.Resume(dir, layout, spec);
                VolumeFiles.Publish(on.Place, dir, file, layout, spec, token);
                return true;
            });
            return true;
        }
        catch
        {
            try
            {
                await place.Lane.Run(_ => { TidyUp(dir, spec); return true; }, options.ProbeDeadline, CancellationToken.None);
            }
            catch (TimeoutException) { /* litter, for the sweep */ }
            throw;
        }
    }

    void TidyUp(SafeFileHandle dir, VolumeSpec spec)
    {
        try { VolumeFiles.Forget(dir, layout, spec); }
        catch (ErrnoException e) { Log.LitterLeft(log, backend, spec.Id, e.Message); }
    }
}
