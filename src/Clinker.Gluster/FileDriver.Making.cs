using System.ComponentModel;
using System.Globalization;
using Clinker.Drivers;
using Clinker.Gluster.Native;
using Clinker.Host;
using Clinker.Operations;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

// The ways in which a new file comes to be: sparse and thick raw, and qcow2.
public abstract partial class FileDriver
{
    const int ZeroesAtOnce = 16 * 1024 * 1024;

    async Task<bool> Thick(Errand on, VolumeSpec spec, Work work, Change change)
    {
        try
        {
            return await Make(
                on with { Deadline = on.Deadline + ThickPerGib * (spec.Bytes / Gib) }, spec, work, change, (_, file) => Libc.Allocate(file, spec.Bytes));
        }
        catch (FaultException e) when (e.InnerException is ErrnoException { Errno: Errno.EOPNOTSUPP })
        {
            Log.WritesZeroes(log, backend, on.Place.Name, spec.Id);
        }
        // No fallocate there: every byte is written, an act at a time, so that each has its deadline.
        return await Make(on, spec, work, change, fill: null, dir => WriteZeroes(on, dir, spec, spec.Bytes));
    }

    async Task WriteZeroes(Errand on, SafeFileHandle dir, VolumeSpec spec, long bytes)
    {
        var zeroes = new byte[ZeroesAtOnce];
        for (long at = 0; at < bytes; at += ZeroesAtOnce)
            await Act(on, _ =>
            {
                using var file = VolumeFiles.Resume(dir, layout, spec);
                Libc.Write(file, zeroes.AsSpan(0, (int)Math.Min(ZeroesAtOnce, bytes - at)), at);
                Libc.Sync(file);
                return true;
            });
    }

    /// <summary>
    /// The image is laid out on a local file and then copied, hardly more than a cluster for each 512 MiB: qemu-img itself never
    /// touches the pool. It would hang with a mount that hangs, and killed while it locks its file it can wedge a Gluster client
    /// (<see cref="Share.MountArguments"/>).
    /// </summary>
    Task<bool> Image(Errand on, VolumeSpec spec, Work work, Change change) => LaidOut(on, spec, image =>
        Make(on with { Deadline = on.Deadline + ThickPerGib * (spec.Bytes / Gib) }, spec, work, change, (_, file) =>
        {
            if (spec.Provisioning == Provisioning.Thick) Libc.Allocate(file, RandomAccess.GetLength(image));
            VolumeFiles.CopyData(image, file, on.Token);
        }));

    async Task<bool> LaidOut(Errand on, VolumeSpec spec, Func<SafeFileHandle, Task<bool>> use)
    {
        var scratch = Path.Combine(options.ScratchDirectory, $"clinker-{layout.Work(spec)}-{Environment.ProcessId}");
        try
        {
            await LayOut(on, scratch, spec);
            using var image = File.OpenHandle(scratch);
            return await use(image);
        }
        finally { File.Delete(scratch); }
    }

    Task LayOut(Errand on, string path, VolumeSpec spec) => QemuImg(on,
        ["create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", path, Number(spec.Bytes)],
        options.ActDeadline + ThickPerGib * (spec.Bytes / Gib), $"lay out a qcow2 image in {options.ScratchDirectory} (is there room?)", on.Token);

    static string Number(long n) => n.ToString(CultureInfo.InvariantCulture);

    /// <param name="what">For the words of a fault: "qemu-img could not …".</param>
    /// <param name="kill">Ends the program; the deadline does in any case.</param>
    async Task QemuImg(Errand on, IReadOnlyList<string> arguments, TimeSpan deadline, string what, CancellationToken kill)
    {
        try
        {
            var result = await Processes.Run(options.QemuImg, arguments, deadline, kill).WaitAsync(on.Token);
            if (result.ExitCode == 0) return;
            Log.ToolFailed(log, options.QemuImg, result.ExitCode, result.Error);
            // QEMU locks what it has open, across hosts: most likely the one of a lease before this, which ends by itself.
            if (result.Error.Contains(" lock", StringComparison.Ordinal))
                throw new Fault.BackendDown(backend, $"qemu-img could not {what}: another program has the image open.").Thrown();
            throw new Fault.DriverFailed(on.Verb, $"qemu-img could not {what}; the log has its words.").Thrown();
        }
        catch (Win32Exception e)
        {
            throw new Fault.DriverFailed(on.Verb, $"{options.QemuImg} can't be run ({e.Message}). Install the package qemu-utils.").Thrown(e);
        }
        catch (TimeoutException e)
        {
            throw new Fault.BackendDown(backend, $"qemu-img did not {what} in time.").Thrown(e);
        }
    }

    /// <summary>
    /// Makes the file of a volume or snapshot, with one open directory through all acts: begin and fill it, ask whether the lease
    /// is still ours, publish it.
    /// </summary>
    /// <param name="change">Told before the first thing is made.</param>
    /// <param name="fill">What is done in the first act, on the open directory and the open work file.</param>
    /// <param name="more">What takes acts of its own.</param>
    async Task<bool> Make(
        Errand on, VolumeSpec spec, Work work, Change change, Action<SafeFileHandle, SafeFileHandle>? fill, Func<SafeFileHandle, Task>? more = null)
    {
        var place = on.Place;
        var begun = await Act(on, token =>
        {
            var dir = place.Open();
            try
            {
                if (spec.Replacing is null && VolumeFiles.Exists(dir, layout, spec)) { dir.Dispose(); return null; }
                if (!change.Begin()) throw new OperationCanceledException("It was given up while the storage hung.");
                using var file = VolumeFiles.Begin(dir, layout, spec);
                try
                {
                    fill?.Invoke(dir, file);
                    token.ThrowIfCancellationRequested(); // nobody waits for it any more: nobody else would tidy up
                }
                catch { TidyUp(dir, spec); throw; }
                return dir;
            }
            catch { dir.Dispose(); throw; }
        });
        if (begun is null) return false;
        using var dir = begun;
        try
        {
            if (more is not null) await more(dir);
            await work.StillHeld();
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
