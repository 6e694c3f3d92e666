using System.Runtime.InteropServices;

namespace Clinker.Gluster.Native;

/// <summary>Error numbers of Linux (asm-generic/errno.h), as far as somebody here decides by them.</summary>
internal static class Errno
{
    public const int EPERM = 1, ENOENT = 2, EINTR = 4, EIO = 5, ENXIO = 6, EBADF = 9, EACCES = 13, EEXIST = 17, EXDEV = 18, ENODEV = 19,
        ENOTDIR = 20, EISDIR = 21, EINVAL = 22, EMFILE = 24, EFBIG = 27, ENOSPC = 28, EROFS = 30, EMLINK = 31, ENAMETOOLONG = 36,
        ENOSYS = 38, ELOOP = 40, EBADFD = 77, EOPNOTSUPP = 95, ENETDOWN = 100, ENETUNREACH = 101, ECONNABORTED = 103, ECONNRESET = 104,
        ENOTCONN = 107, ESHUTDOWN = 108, ETIMEDOUT = 110, EHOSTDOWN = 112, EHOSTUNREACH = 113, ESTALE = 116, EDQUOT = 122;
}

/// <summary>A system call that failed. It becomes a fault where the share and the verb are known (<see cref="StorageFaults"/>).</summary>
internal sealed class ErrnoException(int errno, string call)
    : Exception($"{call}: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})")
{
    public int Errno => errno;

    /// <summary>link(2): a file system without hard links.</summary>
    public bool NoLinks => errno is Native.Errno.EPERM or Native.Errno.EOPNOTSUPP or Native.Errno.ENOSYS or Native.Errno.EMLINK;

    /// <summary>What the system says, without the call.</summary>
    public string Words => Marshal.GetPInvokeErrorMessage(errno);
}
