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
        /// <summary>By so much the file is made longer, before anything is written behind its end another way.</summary>
        const long Growth = 1L << 30;

        SafeFileHandle? opened;
        GfapiFile? direct;
        long size;

        /// <summary>Whether what is written goes by <see cref="Place.Direct"/>.</summary>
        public bool IsDirect => direct is not null;

        /// <summary>
        /// Before anything is written up to there. Each client of a sharded volume counts a file's size by what it saw of it and did to it itself: one
        /// that grows by one of them and is cut by another is then as long as both think together. So it only ever gets longer through the mount, and while
        /// it is not open another way.
        /// </summary>
        public async Task Reach(long end)
        {
            if (!mayBeDirect || end <= size || !on.Place.MayBeDirect) return;
            var facts = await Act(file =>
            {
                if (direct is not null) Gfapi.Sync(direct);
                direct?.Dispose();
                direct = null;
                if (Libc.Facts(file).Size is var now && now < end) Libc.Truncate(file, (end + Growth - 1) / Growth * Growth);
                return Libc.Facts(file);
            });
            size = facts.Size;
            direct = await on.Place.Direct(driver.layout.Work(spec), facts);
            mayBeDirect = direct is not null; // what came through the mount meanwhile would be in its way
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
            if (size is { } s && (direct is not null || Libc.Facts(file).Size != s)) Libc.Truncate(file, s);
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
