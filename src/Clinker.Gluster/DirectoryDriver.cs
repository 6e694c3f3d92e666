using Clinker.Drivers;
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

    // os-brick's connector for a file or device that is on the host already (brick/initiator/connectors/local.py).
    private protected override ConnectionInfo Connection(Place place, string name, VolumeFormat format) =>
        new("local", Json(w => w.WriteString("device_path", Path.Combine(places.Find(p => p == place)!.Directory, name))));

    private protected override bool AllReflink => places.TrueForAll(p => p.Reflinks);

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
        const int ProbedBytes = 4096;

        volatile Tuple<uint, uint, ulong>? seen;
        bool? reflinks;

        public string Directory => path;
        public override string? Location => null;
        public override Lane Lane => lane;
        public override bool Reflinks => reflinks ?? false;

        public override Task<Room> Measure(TimeSpan deadline, CancellationToken token) => Lane.Run(_ =>
        {
            using var dir = Open();
            reflinks ??= Probe(dir);
            return Libc.Statvfs(dir);
        }, deadline, token, probe: true);

        // Nameless files: nothing is left of them.
        static bool? Probe(SafeFileHandle dir)
        {
            try
            {
                using var from = Libc.OpenAt(dir, ".", Libc.O_TMPFILE | Libc.O_RDWR, 0x180);
                using var to = Libc.OpenAt(dir, ".", Libc.O_TMPFILE | Libc.O_RDWR, 0x180);
                Libc.Write(from, new byte[ProbedBytes], 0);
                Libc.Reflink(to, from);
                return true;
            }
            catch (ErrnoException e) when (e.Errno is Errno.ENOSPC or Errno.EDQUOT or Errno.EMFILE) { return null; /* asked again */ }
            catch (ErrnoException) { return false; }
        }

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
                await Lane.Run(_ => System.IO.Directory.CreateDirectory(path), deadline, token);
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
