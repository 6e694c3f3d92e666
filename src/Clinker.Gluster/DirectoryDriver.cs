using Clinker.Gluster.Native;
using Clinker.Operations;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

/// <summary>Volumes as files in any directory: a local disk, or whatever the operator has mounted there.</summary>
public sealed class DirectoryDriver : FileDriver
{
    readonly List<DirectoryPlace> places = [];

    /// <exception cref="FaultException">No path, or one that is not absolute.</exception>
    public DirectoryDriver(string backend, DirectoryOptions options, TimeProvider time, ILogger log) : base(backend, options, time, log)
    {
        if (options.Paths.Count == 0)
            throw new Fault.Misconfigured($"Backend {backend} has no directory to keep volumes in: name at least one.").Thrown();
        foreach (var path in options.Paths)
        {
            if (!Path.IsPathRooted(path))
                throw new Fault.Misconfigured($"Backend {backend}: the directory '{path}' must be an absolute path.").Thrown();
            places.Add(new DirectoryPlace(
                options.Paths.Count == 1 ? backend : path, path, new Lane($"storage {path}", options.ThreadsPerPool, time), options.ActDeadline));
        }
    }

    private protected override string StorageProtocol => "file";
    private protected override string DefaultBackendName => Backend;

    private protected override ValueTask<IReadOnlyList<Place>> Places(CancellationToken token) => new(places);

    private protected override ValueTask<Place> PlaceOf(string? pool, string? location, CancellationToken token) =>
        new(places.Find(p => p.Name == pool) ?? throw new Fault.BackendDown(
            Backend, $"it has no directory called {pool} now; its pools are {string.Join(", ", places.Select(p => p.Name))}.").Thrown());

    public override async ValueTask DisposeAsync()
    {
        foreach (var place in places) await place.DisposeAsync();
        await base.DisposeAsync();
    }

    /// <summary>
    /// A directory is taken for what it was when first seen (device and inode). Another one in its place means that a mount
    /// came or went, and volumes made there would be lost to those who look: the pool is down until it is the same again or the
    /// daemon starts anew.
    /// </summary>
    sealed class DirectoryPlace(string name, string path, Lane lane, TimeSpan deadline) : Place(name)
    {
        volatile Tuple<uint, uint, ulong>? seen;

        public override string? Location => null;
        public override Lane Lane => lane;

        public override SafeFileHandle Open()
        {
            SafeFileHandle dir;
            try { dir = Libc.Open(path, Libc.O_PATH | Libc.O_DIRECTORY); }
            catch (ErrnoException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
            {
                throw new VanishedException($"the directory {path} is not there ({e.Words})");
            }
            try
            {
                Same(dir);
                return dir;
            }
            catch { dir.Dispose(); throw; }
        }

        public override void Prove(SafeFileHandle dir)
        {
            using var again = Open();
        }

        // Only at first: one that was there and went away was not ours to make again.
        public override async Task Repair(CancellationToken token)
        {
            if (seen is not null) return;
            try
            {
                await Lane.Run(_ => Directory.CreateDirectory(path), deadline, token);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new VanishedException($"the directory {path} is not there and can't be made ({e.Message})");
            }
        }

        void Same(SafeFileHandle dir)
        {
            var facts = Libc.Facts(dir);
            var now = Tuple.Create(facts.DeviceMajor, facts.DeviceMinor, facts.Inode);
            if ((seen ??= now).Equals(now)) return;
            throw new VanishedException(
                $"{path} is another directory than the one this daemon began with (was something mounted or unmounted there?). Put it back, or restart the daemon.");
        }
    }
}
