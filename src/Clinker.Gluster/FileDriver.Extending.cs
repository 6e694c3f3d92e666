using Clinker.Drivers;
using Clinker.Formats;
using Clinker.Gluster.Native;
using Clinker.Operations;
using Clinker.Volumes;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

// Growing a volume that has a user's data. All ways have in common that they can't make it smaller, however late they come.
public abstract partial class FileDriver
{
    public sealed override async Task Extend(Volume volume, int sizeGb, Work work)
    {
        const string Verb = "extend the volume";
        // Only the file with which it begins is made larger: behind the end of one under it are zeroes.
        var now = await SourceOf(volume, Verb, work); // refuses what is not to be grown
        var (place, top, spec) = (now.Place, now.Top, Spec(volume with { SizeGb = sizeGb }, work));
        if (top.Format == VolumeFormat.Qcow2 && MayBeWritten(volume))
            throw new FaultException(new Fault.DriverFailed(Verb, "it is attached, and its image is open there. Detach it first.") { NamesNothing = true }) { NothingDone = true };
        await work.StillHeld();
        var on = new Errand(place, Verb, options.ActDeadline + ThickPerGib * (spec.Provisioning == Provisioning.Thick ? sizeGb : 0), work.Token);
        using var dir = await Act(on, _ => place.Open());
        if (top.Format == VolumeFormat.Qcow2) await Resize(on, dir, [.. now.Levels.Select(l => l.File)], spec);
        else if (!await Act(on, _ => Grown()))
            while (await Size() < spec.Bytes) await Act(on, _ => Appended());
        await Act(on, _ =>
        {
            using var file = Open(Libc.O_RDWR, out var bytes);
            if (bytes < spec.Bytes) throw new Fault.DriverFailed(Verb, $"it has {bytes} bytes all the same, not {spec.Bytes}.").Thrown();
            if (top.Format == VolumeFormat.Qcow2) VolumeFiles.Pad(file);
            Libc.Sync(file);
            return true;
        });

        Task<long> Size() => Act(on, _ =>
        {
            Open(Libc.O_RDONLY, out var bytes).Dispose();
            return bytes;
        });

        bool Grown()
        {
            place.Prove(dir);
            using var file = Open(Libc.O_RDWR, out var bytes);
            if (bytes >= spec.Bytes) return true;
            try { Libc.Grow(file, spec.Bytes, allocate: spec.Provisioning == Provisioning.Thick); return true; }
            catch (ErrnoException e) when (e.Errno == Errno.EOPNOTSUPP) { return false; }
        }

        // No fallocate there: zeroes are added at the end, wherever that is by then. ftruncate would cut a file off that has grown further.
        bool Appended()
        {
            place.Prove(dir);
            using var file = Open(Libc.O_RDWR | Libc.O_APPEND, out var bytes);
            if (bytes < spec.Bytes) Libc.Write(file, new byte[Math.Min(ZeroesAtOnce, spec.Bytes - bytes)], bytes);
            Libc.Sync(file);
            return true;
        }

        SafeFileHandle Open(int flags, out long bytes)
        {
            var file = Chain.Open(dir, top.Name, Verb, flags);
            try { bytes = Chain.Bytes(file, top, Verb); return file; }
            catch { file.Dispose(); throw; }
        }
    }

    public sealed override async Task<bool> ExtendInUse(Volume volume, int sizeGb, Work work)
    {
        const string Verb = "extend the volume";
        var now = await Untouched(async () => await Found(await PlaceOf(volume.Pool, volume.ProviderLocation, work.Token), Spec(volume, work), attached: true, Verb, work));
        DemandKnown(now, Verb);
        if (now.Top.Format == VolumeFormat.Qcow2) return now.Bytes >= Spec(volume with { SizeGb = sizeGb }, work).Bytes;
        await Extend(volume, sizeGb, work); // what is behind its end nobody has open
        return true;
    }

    /// <summary>
    /// Has qemu-img grow an image that is not large enough, by way of the open directory, so that it can't land elsewhere. It is the one program of QEMU that
    /// touches a pool (docs/adr/0006): it locks the image against every other, refuses to make it smaller, and keeps it whole
    /// wherever it is cut. When only the waiting for it ends, it is left to end by itself.
    /// </summary>
    async Task Resize(Errand on, SafeFileHandle dir, IReadOnlyList<DiskFile> files, VolumeSpec spec)
    {
        var large = await Act(on, _ =>
        {
            on.Place.Prove(dir);
            using var image = Libc.OpenAt(dir, files[0].Name, Libc.O_RDONLY | Libc.O_NONBLOCK);
            return Qcow2Header.Read(VolumeFiles.Bytes(image))?.Bytes >= spec.Bytes;
        });
        if (large) return;
        List<string> arguments = ["resize", "-q", "-f", "qcow2"];
        if (spec.Provisioning == Provisioning.Thick) arguments.Add("--preallocation=falloc");
        await QemuImg(on, [.. arguments, Whole(dir, files), Number(spec.Bytes)],
            on.Deadline, "grow the image", CancellationToken.None, onPool: true);
    }
}
