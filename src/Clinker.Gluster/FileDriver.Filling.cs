using Clinker.Gluster.Native;
using Clinker.Operations;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

// How a file under work gets much content.
public abstract partial class FileDriver
{
    /// <param name="mayBeDirect">Nothing of the file was written or read before, and nobody but <paramref name="write"/> will.</param>
    /// <param name="write">Answers with the size that the file is to have; null: as it is, if it may not be direct.</param>
    async Task Fill(Errand on, SafeFileHandle dir, VolumeSpec spec, bool mayBeDirect, Func<WorkFile, Task<long?>> write)
    {
        await using var file = new WorkFile(this, on, dir, spec, mayBeDirect);
        try { await file.Finish(await write(file)); }
        catch (FaultException e) when (file.IsDirect && e.InnerException is TimeoutException or ErrnoException { Errno: not (Errno.ENOSPC or Errno.EDQUOT) })
        {
            on.Place.DirectFailed(e.InnerException.Message);
            throw;
        }
    }

    /// <summary>
    /// A file under work, open from the first act to the last: what GlusterFS took and could not keep is told to that handle alone (<see cref="Libc.Flush"/>),
    /// and to close a file is to wait until all that was written to it is on the brick. Once it gets much, it is written past its directory if that can be
    /// (docs/adr/0012): the way there is being opened meanwhile.
    /// </summary>
    internal sealed class WorkFile(FileDriver driver, Errand on, SafeFileHandle dir, VolumeSpec spec, bool mayBeDirect) : IAsyncDisposable
    {
        /// <summary>What is smaller is written before a process has started.</summary>
        const long Much = 4L << 20;

        /// <summary>A file of which it is not known how long it gets is made no longer beforehand. Cutting it looks for each of its pieces, on a sharded volume.</summary>
        const long Longest = 64L << 30;

        readonly CancellationTokenSource ending = new();
        SafeFileHandle? opened;
        Task<GfapiFile?>? opening;
        GfapiFile? direct;
        long written, size;

        /// <summary>Whether something was written by <see cref="Place.Direct"/>.</summary>
        public bool IsDirect => direct is not null;

        public Task<T> Act<T>(Func<SafeFileHandle, T> act) => driver.Act(on, _ =>
        {
            on.Place.Prove(dir);
            return act(opened ??= VolumeFiles.Resume(dir, driver.layout, spec));
        });

        /// <summary>Within an act, one at a time.</summary>
        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            if (mayBeDirect && Direct(opened!, offset + bytes.Length) is { } by) by.Write(bytes, offset);
            else Libc.Write(opened!, bytes, offset);
            written += bytes.Length;
        }

        /// <summary>
        /// Each client of a sharded volume counts a file's size by what it saw of it and did to it itself: one that grows by one of them and is cut by
        /// another is then as long as both think together. So before it is opened another way it is made as long as it may get, and where that was not
        /// enough the rest goes through the mount.
        /// </summary>
        GfapiFile? Direct(SafeFileHandle file, long end)
        {
            if (opening is null)
            {
                if (written < Much || !on.Place.MayBeDirect) return null;
                var longest = Math.Max(end, Math.Min(spec.Bytes, Longest));
                if (Libc.Facts(file).Size < longest) Libc.Truncate(file, longest);
                var facts = Libc.Facts(file);
                size = facts.Size;
                opening = on.Place.Direct(driver.layout.Work(spec), facts.Inode, ending.Token);
            }
            if (end > size)
            {
                direct?.Sync();
                mayBeDirect = false;
                return null;
            }
            if (direct is null && opening is { IsCompletedSuccessfully: true, Result: { } ready })
            {
                Libc.Sync(file); // what it gets from here on may lie over what it has
                direct = ready;
            }
            return direct;
        }

        /// <summary>Within an act, which may be beside one that writes: what was written before that is durable then.</summary>
        public void Sync()
        {
            if (mayBeDirect && direct is { } by) by.Sync();
            else Libc.Sync(opened!);
        }

        /// <summary>All of it is durable then, or what became of it is told.</summary>
        public Task Finish(long? size) => Act(file =>
        {
            Sync();
            // A FUSE client lets go of each page of a file that is cut, which takes a while: so only if it has to be.
            if (size is { } s && Libc.Facts(file).Size != s) Libc.Truncate(file, s);
            if (IsDirect) Libc.Fresh(file); // the mount may have pages of what was written over another way, and learns of that by the time, a second late
            else Libc.Sync(file);
            return true;
        });

        public async ValueTask DisposeAsync()
        {
            await ending.CancelAsync();
            if (opening is not null) (await opening)?.Dispose();
            ending.Dispose();
            if (opened is null) return;
            try { await on.Place.Lane.Run(_ => { opened.Dispose(); return true; }, driver.options.ProbeDeadline, CancellationToken.None); }
            catch (TimeoutException) { new Thread(opened.Dispose) { IsBackground = true }.Start(); /* it may hang there, and must not where handles are collected */ }
        }
    }
}
