using Clinker.Gluster.Native;
using Clinker.Operations;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

// How a file under work gets much content.
public abstract partial class FileDriver
{
    /// <param name="mayBeDirect">Nothing of the file was written or read before, and nobody but <paramref name="write"/> will.</param>
    /// <param name="write">Answers with the size that the file is to have; null: as it is.</param>
    async Task Fill(Errand on, SafeFileHandle dir, VolumeSpec spec, bool mayBeDirect, Func<WorkFile, Task<long?>> write)
    {
        var file = new WorkFile(this, on, dir, spec, mayBeDirect);
        try { await file.Finish(await write(file)); }
        catch (FaultException e) when (file.IsDirect && e.InnerException is TimeoutException or ErrnoException { Errno: not (Errno.ENOSPC or Errno.EDQUOT) })
        {
            on.Place.DirectFailed(e.InnerException.Message);
            throw;
        }
        finally { await file.Close(); }
    }

    /// <summary>
    /// A file under work, open from the first act to the last: what GlusterFS took and could not keep is told to that handle alone (<see cref="Libc.Flush"/>),
    /// and to close a file is to wait until all that was written to it is on the brick.
    /// </summary>
    sealed class WorkFile(FileDriver driver, Errand on, SafeFileHandle dir, VolumeSpec spec, bool mayBeDirect)
    {
        /// <summary>A file of which it is not known how long it gets is made no longer beforehand. Cutting it looks for each of its pieces, on a sharded volume.</summary>
        const long Longest = 64L << 30;

        SafeFileHandle? opened;
        GfapiFile? direct;
        long size;

        /// <summary>Whether something was written by <see cref="Place.Direct"/>.</summary>
        public bool IsDirect { get; private set; }

        /// <summary>Whether something may be written up to there without <see cref="Reach"/>.</summary>
        public bool Reaches(long end) => !mayBeDirect || end <= size;

        /// <summary>
        /// Before anything is written up to there, and while no act is under way. Each client of a sharded volume counts a file's size by what it saw of
        /// it and did to it itself: one that grows by one of them and is cut by another is then as long as both think together. So before it is opened
        /// another way it is made as long as it may get, and if that was not enough the rest goes through the mount.
        /// </summary>
        public async Task Reach(long end)
        {
            if (Reaches(end) || !on.Place.MayBeDirect) return;
            if (direct is not null)
            {
                await Act(_ => { Gfapi.Sync(direct); direct.Dispose(); return true; });
                (direct, mayBeDirect) = (null, false);
                return;
            }
            var facts = await Act(file =>
            {
                var longest = Math.Max(end, Math.Min(spec.Bytes, Longest));
                if (Libc.Facts(file).Size < longest) Libc.Truncate(file, longest);
                return Libc.Facts(file);
            });
            size = facts.Size;
            direct = await on.Place.Direct(driver.layout.Work(spec), facts);
            IsDirect = mayBeDirect = direct is not null; // what came through the mount meanwhile would be in its way
        }

        public Task<T> Act<T>(Func<SafeFileHandle, T> act) => driver.Act(on, _ =>
        {
            on.Place.Prove(dir);
            return act(opened ??= VolumeFiles.Resume(dir, driver.layout, spec));
        });

        /// <summary>Within an act.</summary>
        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            if (direct is not null) Gfapi.Write(direct, bytes, offset);
            else Libc.Write(opened!, bytes, offset);
        }

        /// <summary>Within an act.</summary>
        public void Sync()
        {
            if (direct is not null) Gfapi.Sync(direct);
            else Libc.Sync(opened!);
        }

        /// <summary>All of it is durable then, or what became of it is told.</summary>
        public Task Finish(long? size) => Act(file =>
        {
            Sync();
            // Of what came another way the mount knows neither the size nor the time, until it was cut through that. Otherwise it is not: a FUSE
            // client lets go of each page of a file that is cut, which takes a while.
            if (size is { } s && (IsDirect || Libc.Facts(file).Size != s)) Libc.Truncate(file, s);
            Libc.Sync(file);
            return true;
        });

        public async Task Close()
        {
            try { await on.Place.Lane.Run(_ => { Dispose(); return true; }, driver.options.ProbeDeadline, CancellationToken.None); }
            catch (TimeoutException) { new Thread(Dispose) { IsBackground = true }.Start(); /* it may hang there, and must not where handles are collected */ }

            void Dispose()
            {
                direct?.Dispose();
                opened?.Dispose();
            }
        }
    }
}
