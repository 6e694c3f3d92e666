using Clinker.Drivers;
using Clinker.Formats;
using Clinker.Gluster.Native;
using Microsoft.Win32.SafeHandles;
using static Clinker.Gluster.Native.Libc;

namespace Clinker.Gluster;

/// <summary>
/// What is certain of what is wrong in a pool is put right. Each looks again right before it acts, and none takes anything away that could
/// be a user's: at most one of a file's several names, and what was only ever ours. All blocks: lane threads only.
/// </summary>
internal static class PoolRepair
{
    /// <summary>Repairs one; false when it is not (any more) as it was found.</summary>
    public static bool Mend(SafeFileHandle dir, Layout layout, uint mode, Finding flaw) => layout.Parse(flaw.File) is { } of && flaw.Flaw switch
    {
        Flaw.Rights => OnFile(dir, flaw.File, O_RDONLY, file => { ChangeMode(file, mode); return true; }),
        Flaw.Padding => OnFile(dir, flaw.File, O_RDWR, Pad),
        Flaw.LeftWork when of.Kind is FileKind.Work or FileKind.SnapshotWork => Remove(dir, flaw.File),
        Flaw.LeftLink when of.Kind == FileKind.Overlay => OnFile(dir, flaw.File, O_RDONLY, file => Unname(dir, file, flaw)),
        Flaw.StaleNote when of.Kind == FileKind.Info => Forget(dir, layout, of.Id),
        _ => false,
    };

    static bool OnFile(SafeFileHandle dir, string name, int flags, Func<SafeFileHandle, bool> act)
    {
        try
        {
            using var file = OpenAt(dir, name, flags | O_NONBLOCK);
            if (!Facts(file).IsRegular || !act(file)) return false;
            Sync(file);
            return true;
        }
        catch (ErrnoException e) when (e.Errno is Errno.ENOENT or Errno.ELOOP or Errno.ENXIO) { return false; }
    }

    static bool Pad(SafeFileHandle file)
    {
        if (Qcow2Header.Read(VolumeFiles.Bytes(file)) is null) return false;
        VolumeFiles.Pad(file);
        return Facts(file).Size % VolumeFiles.Qcow2Unit == 0;
    }

    static bool Remove(SafeFileHandle dir, string name)
    {
        if (!VolumeFiles.Gone(dir, name)) return false;
        VolumeFiles.SyncNames(dir);
        return true;
    }

    static bool Unname(SafeFileHandle dir, SafeFileHandle file, Finding flaw)
    {
        return Fresh(file).Links > 1 && flaw.Other is { } other && other != flaw.File && OthersFiles.IsSame(dir, flaw.File, other) && Remove(dir, flaw.File);
    }

    static bool Forget(SafeFileHandle dir, Layout layout, string id) =>
        ChainInfo.Read(dir, layout, id, "repair the pool") is { Active: null, Snapshots.Count: 0, Kept: { } kept }
        && !VolumeFiles.Has(dir, kept) && Remove(dir, layout.Info(id));
}
