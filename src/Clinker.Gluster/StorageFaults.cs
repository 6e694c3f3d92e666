using System.Runtime.InteropServices;
using Clinker.Gluster.Native;
using Clinker.Operations;
using static Clinker.Gluster.Native.Errno;

namespace Clinker.Gluster;

/// <summary>The one place where an error number of the storage becomes a fault.</summary>
internal static class StorageFaults
{
    /// <param name="verb">What was being done, as in "could not …".</param>
    /// <param name="pool">The share or directory, for the words.</param>
    public static Fault From(ErrnoException e, string backend, string pool, string verb) => e.Errno switch
    {
        ENOSPC or EDQUOT => new Fault.ShareFull(pool),
        _ when Lost(e.Errno) => new Fault.BackendDown(backend, $"{pool} is not connected ({e.Message}). {AdviceWhenLost}"),
        // EBADFD is what a Gluster client says of files that were open while its brick went and came.
        EIO or ESTALE or ETIMEDOUT or EBADF or EBADFD => new Fault.BackendDown(
            backend, $"{pool} has trouble ({e.Message}). {AdviceWhenLost}"),
        EROFS => new Fault.BackendDown(
            backend, $"{pool} is read-only now. Look whether its file system was remounted after an error, or the share mounted with ro."),
        EMFILE => new Fault.BackendDown(backend, "this process has no file descriptors left. Raise its limit (LimitNOFILE)."),
        EACCES or EPERM => new Fault.DriverFailed(
            verb, $"permission denied on {pool} ({e.Message}). The daemon's user must own the directory or be in its group, with write permission; "
                + "on GlusterFS look at server.root-squash, server.allow-insecure and auth.allow."),
        EFBIG => new Fault.DriverFailed(verb, $"the file system of {pool} can't hold a file that large."),
        ENOENT or ENOTDIR => new Fault.BackendDown(backend, $"{pool} changed under the act ({e.Message})."),
        _ => new Fault.DriverFailed(verb, $"{pool} answered {e.Message}."),
    };

    /// <summary>
    /// What a tool says that worked on the pool, if storage is to blame: no room, or trouble that may pass. Null: it is something else.
    /// </summary>
    public static Fault? From(string words, string backend, string pool)
    {
        foreach (var errno in (int[])[ENOSPC, EDQUOT, ENOTCONN, EIO, ESTALE, ETIMEDOUT, EROFS, EBADF, EBADFD])
            if (words.Contains(Marshal.GetPInvokeErrorMessage(errno), StringComparison.Ordinal)) return From(new ErrnoException(errno, "qemu-img"), backend, pool, "");
        return null;
    }

    /// <summary>Whether the mount itself may be gone: it is looked at before the next act.</summary>
    public static bool Lost(int errno) => errno is ENOTCONN or ENODEV or ENXIO or ESHUTDOWN or ECONNABORTED or ECONNRESET
        or ENETDOWN or ENETUNREACH or EHOSTDOWN or EHOSTUNREACH;

    const string AdviceWhenLost = "Look at the storage servers and the client's log.";
}
