using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Clinker.Cli;

/// <summary>
/// Writes to standard output or error with write(2) and nothing else. Console's streams send a terminal the codes that set
/// its keypad mode first; a FileStream does not move the offset that programs after it go on from.
/// </summary>
internal sealed class DescriptorStream(int descriptor) : Stream
{
    const int Interrupted = 4; // EINTR
    const int BrokenPipe = 32; // EPIPE

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            var written = write(descriptor, ref MemoryMarshal.GetReference(buffer), buffer.Length);
            var error = written < 0 ? Marshal.GetLastPInvokeError() : 0;
            if (error == Interrupted) continue;
            if (error == BrokenPipe) return; // as head does: who has seen enough is not told
            if (error != 0) throw new IOException(new Win32Exception(error).Message);
            buffer = buffer[(int)written..];
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush() { /* nothing is held back */ }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();

#pragma warning disable SYSLIB1054 // LibraryImport writes unsafe code, which this project does not allow
    [DllImport("libc", SetLastError = true)]
    static extern nint write(int descriptor, ref byte buffer, nint count);
#pragma warning restore SYSLIB1054
}
