using Clinker.Gluster.Native;
using Clinker.Operations;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

// How a file under work gets much content.
public abstract partial class FileDriver
{
    /// <param name="write">Answers with the size that the file is to have; null: as it is.</param>
    async Task Fill(Errand on, SafeFileHandle dir, VolumeSpec spec, Func<WorkFile, Task<long?>> write)
    {
        var file = new WorkFile(this, on, dir, spec);
        try { await file.Finish(await write(file)); }
        finally { await file.Close(); }
    }

    /// <summary>
    /// A file under work, open from the first act to the last: what GlusterFS took and could not keep is told to that handle alone (<see cref="Libc.Flush"/>),
    /// and to close a file is to wait until all that was written to it is on the brick.
    /// </summary>
    sealed class WorkFile(FileDriver driver, Errand on, SafeFileHandle dir, VolumeSpec spec)
    {
        SafeFileHandle? opened;

        public Task<T> Act<T>(Func<SafeFileHandle, T> act) => driver.Act(on, _ =>
        {
            on.Place.Prove(dir);
            return act(opened ??= VolumeFiles.Resume(dir, driver.layout, spec));
        });

        /// <summary>Within an act.</summary>
        public void Write(ReadOnlySpan<byte> bytes, long offset) => Libc.Write(opened!, bytes, offset);

        /// <summary>Within an act.</summary>
        public void Sync() => Libc.Sync(opened!);

        /// <summary>All of it is durable then, or what became of it is told.</summary>
        public Task Finish(long? size) => Act(file =>
        {
            // Only if need be: a FUSE client lets go of each page of a file that is cut.
            if (size is { } s && Libc.Facts(file).Size != s) Libc.Truncate(file, s);
            Libc.Sync(file);
            return true;
        });

        public async Task Close()
        {
            if (opened is null) return;
            try { await on.Place.Lane.Run(_ => { opened.Dispose(); return true; }, driver.options.ProbeDeadline, CancellationToken.None); }
            catch (TimeoutException) { new Thread(opened.Dispose) { IsBackground = true }.Start(); /* it may hang there, and must not where handles are collected */ }
        }
    }
}
