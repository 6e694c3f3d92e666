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
        return await Make(on, spec, work, change, fill: null, dir => WriteZeroes(on, dir, spec, 0, spec.Bytes));
    }

    async Task WriteZeroes(Errand on, SafeFileHandle dir, VolumeSpec spec, long from, long to)
    {
        var zeroes = new byte[ZeroesAtOnce];
        for (var at = from; at < to; at += ZeroesAtOnce)
            await OnWork(on, dir, spec, file =>
            {
                Libc.Write(file, zeroes.AsSpan(0, (int)Math.Min(ZeroesAtOnce, to - at)), at);
                Libc.Sync(file);
                return true;
            });
    }

    /// <summary>Takes the room of the file under work; false where there is no fallocate.</summary>
    async Task<bool> Allocated(Errand on, SafeFileHandle dir, VolumeSpec spec, long bytes)
    {
        var taken = await OnWork(on with { Deadline = on.Deadline + ThickPerGib * (bytes / Gib) }, dir, spec, file =>
        {
            try { Libc.Allocate(file, bytes); return true; }
            catch (ErrnoException e) when (e.Errno == Errno.EOPNOTSUPP) { return false; }
        });
        if (!taken) Log.WritesZeroes(log, backend, on.Place.Name, spec.Id);
        return taken;
    }

    /// <summary>An act on the file under work.</summary>
    Task<T> OnWork<T>(Errand on, SafeFileHandle dir, VolumeSpec spec, Func<SafeFileHandle, T> act) => Act(on, _ =>
    {
        on.Place.Prove(dir);
        using var file = VolumeFiles.Resume(dir, layout, spec);
        var done = act(file);
        Libc.Flush(file);
        return done;
    });

    /// <summary>
    /// The image is laid out on a local file and then copied, hardly more than a cluster for each 512 MiB: to make one qemu-img
    /// does not touch the pool. It would hang with a mount that hangs, and killed while it locks its file it can wedge a Gluster client
    /// (<see cref="Share.MountArguments"/>).
    /// </summary>
    Task<bool> Image(Errand on, VolumeSpec spec, Work work, Change change) => LaidOut(on, spec, fill =>
        Make(on with { Deadline = on.Deadline + ThickPerGib * (spec.Bytes / Gib) }, spec, work, change, fill));

    /// <param name="use">Gets what fills the new file with the image.</param>
    async Task<bool> LaidOut(Errand on, VolumeSpec spec, Func<Action<SafeFileHandle, SafeFileHandle>, Task<bool>> use)
    {
        using var scratch = NewScratch(on.Verb);
        await LayOut(on, scratch.File("image"), spec);
        if (spec.Under is { } under)
            await QemuImg(on, ["rebase", "-u", "-f", "qcow2", "-b", under.Name, "-F", Words(under.Format), scratch.File("image")],
                options.ActDeadline, "name the file under an image", on.Token);
        using var image = File.OpenHandle(scratch.File("image"));
        return await use((_, file) =>
        {
            if (spec.Provisioning == Provisioning.Thick) Libc.Allocate(file, RandomAccess.GetLength(image));
            VolumeFiles.CopyData(image, file, on.Token);
        });
    }

    Scratch NewScratch(string verb)
    {
        try { return Scratch.Make(options.ScratchDirectory); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new Fault.DriverFailed(verb, $"{options.ScratchDirectory}: {e.Message}").Thrown(e);
        }
    }

    Task LayOut(Errand on, string path, VolumeSpec spec) => QemuImg(on,
        ["create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", path, Number(spec.Bytes)],
        options.ActDeadline + ThickPerGib * (spec.Bytes / Gib), $"lay out a qcow2 image in {options.ScratchDirectory} (is there room?)", on.Token);

    static string Number(long n) => n.ToString(CultureInfo.InvariantCulture);

    /// <summary>It opens images that were adopted, or written by a host with a tenant's machines. Of processor time a large one may need any.</summary>
    static readonly ToolLimits QemuImgLimits = new(1L << 30);

    /// <param name="what">For the words of a fault: "qemu-img could not …".</param>
    /// <param name="kill">Ends the program; the deadline does in any case.</param>
    /// <param name="onPool">Whether it works on files of the pool, so that storage is to blame for what storage says.</param>
    /// <param name="said">Told what it prints while it runs.</param>
    async Task QemuImg(Errand on, IReadOnlyList<string> arguments, TimeSpan deadline, string what, CancellationToken kill, bool onPool = false,
        Action<string>? said = null)
    {
        try
        {
            var result = await Processes.Run(options.QemuImg, arguments, deadline, said, QemuImgLimits, kill).WaitAsync(on.Token);
            if (result.ExitCode == 0) return;
            Log.ToolFailed(log, options.QemuImg, result.ExitCode, result.Error);
            // QEMU locks what it has open, across hosts: most likely the one of a lease before this, which ends by itself.
            if (result.Error.Contains(" lock", StringComparison.Ordinal))
                throw new Fault.BackendDown(backend, $"qemu-img could not {what}: another program has the image open.").Thrown();
            throw ((onPool ? StorageFaults.From(result.Error, backend, on.Place.Name) : null)
                ?? new Fault.DriverFailed(on.Verb, $"qemu-img could not {what}; the log has its words.")).Thrown();
        }
        catch (Win32Exception e)
        {
            throw new Fault.DriverFailed(on.Verb, $"{options.QemuImg} can't be run by prlimit ({e.Message}). Install the packages qemu-utils and util-linux.").Thrown(e);
        }
        catch (TimeoutException e)
        {
            throw new Fault.BackendDown(backend, $"qemu-img did not {what} in time.").Thrown(e);
        }
        catch (IOException e)
        {
            throw new Fault.BackendDown(backend, e.Message).Thrown(e);
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
                    token.ThrowIfCancellationRequested(); // the storage may have hung until another has done it
                    fill?.Invoke(dir, file);
                    Libc.Flush(file);
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
            await (spec.Replacing is null ? work.StillHeld() : work.MayReplace());
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
