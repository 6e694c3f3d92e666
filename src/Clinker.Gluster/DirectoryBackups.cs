using Clinker.Drivers;
using Clinker.Gluster.Native;
using Clinker.Operations;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using static Clinker.Gluster.Native.Libc;

namespace Clinker.Gluster;

/// <summary>
/// Backups as files below a directory of any file system, also one that is a mounted share: <c>container/backup id/object</c>. An object
/// is made under a name of its lease's, is durable before it is published by rename(2), and is only published while the lease is held.
/// Removing a backup or taking it over takes the files under work too: what a late worker would still publish is gone. What Cinder's own
/// drivers kept there is read and removed by its names, one directory after the other, and no link is followed.
/// </summary>
public sealed class DirectoryBackups : BackupStore
{
    const string Backend = "of the backups";
    const int Threads = 8;
    const uint OwnerOnly = 0x180, OwnerOnlyDirectory = 0x1c0; // 0600, 0700
    static readonly TimeSpan ActDeadline = TimeSpan.FromSeconds(60);
    static readonly TimeSpan ProbeDeadline = TimeSpan.FromSeconds(5);

    readonly Place directory;

    /// <param name="path">Absolute. Made at first where it is missing; later, another directory in its place is not written to.</param>
    public DirectoryBackups(string path, TimeProvider time)
        : this(new DirectoryPlace(path, path, new Lane($"backups {path}", Threads, time), ActDeadline), "cinder.backup.drivers.posix.PosixBackupDriver")
    {
    }

    DirectoryBackups(Place directory, string service) => (this.directory, Service) = (directory, service);

    /// <summary>Backups on a share of their own, which is mounted and kept so as those of volumes are.</summary>
    /// <param name="share">As in a shares file: <c>HOST:VOLUME</c>, and mount options behind it.</param>
    /// <param name="mountPointBase">The directory that holds the mount point, which is called by the MD5 of the share.</param>
    /// <param name="clientLogs">The directory that the client writes its log to.</param>
    /// <exception cref="FaultException">Misconfigured.</exception>
    public static async Task<DirectoryBackups> OnShare(
        string share, string mountPointBase, string clientLogs, string container, BackupCompression compression, TimeProvider time, ILogger log)
    {
        if (Read(share) is not ({ } known, _)) throw new Fault.Misconfigured($"glusterfs_backup_share: {Read(share).Why}.").Thrown();
        var mounts = await Mounts.Base(mountPointBase, "glusterfs_backup_mount_point", "Backups");
        var options = new GlusterOptions { ClientLogDirectory = clientLogs, ActDeadline = ActDeadline, ThreadsPerPool = Threads };
        return new(new GlusterShare(known, Layout.MountPoint(mounts, known.Text), Backend, options, time, log), "cinder.backup.drivers.glusterfs.GlusterfsBackupDriver")
        {
            Container = container,
            Compression = compression,
        };
    }

    /// <summary>Why backups can't be kept on what is written so; null: they can.</summary>
    public static string? WhyNoShare(string share) => Read(share).Why;

    static (Share? Share, string? Why) Read(string share) => share.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is [var address, .. var words]
        ? SharesFile.Read(address, words) : (null, "it names no share");

    public override string Service { get; }

    public override async Task<string?> Report(CancellationToken token)
    {
        try
        {
            await Answered("look at the backups", () => directory.Measure(ProbeDeadline, token), token);
            return null;
        }
        catch (FaultException e) { return e.Message; }
    }

    public override async Task Put(ObjectName name, ReadOnlyMemory<byte> bytes, Work work)
    {
        const string Verb = "write the backup";
        var mine = $".{name.Name}.{work.Operation}.g{work.Generation}";
        await Act(Verb, root =>
        {
            using var dir = Made(root, name.Folder);
            VolumeFiles.Gone(dir, mine);
            using var file = OpenAt(dir, mine, O_WRONLY | O_CREAT | O_EXCL, OwnerOnly);
            Write(file, bytes.Span, 0);
            Sync(file);
            return true;
        }, work.Token);
        try { await work.StillHeld(); }
        catch
        {
            await Act(Verb, root =>
            {
                using var dir = Existing(root, name.Folder);
                return dir is not null && VolumeFiles.Gone(dir, mine);
            }, CancellationToken.None);
            throw;
        }
        await Act(Verb, root =>
        {
            using var dir = Existing(root, name.Folder) ?? throw new ErrnoException(Errno.ENOENT, $"open {name.Folder}");
            using var file = OpenAt(dir, mine, O_RDWR);
            work.Token.ThrowIfCancellationRequested();
            directory.Prove(root);
            Rename(dir, mine, name.Name);
            Sync(file); // GlusterFS answers the fsync of a directory by itself; that of a file makes its names durable too
            VolumeFiles.SyncNames(dir);
            return true;
        }, work.Token);
    }

    public override Task<byte[]?> Get(ObjectName name, int most, CancellationToken token) => Act("read the backup", root =>
    {
        using var file = Existing(root, name, most);
        if (file is null) return null;
        var bytes = new byte[Facts(file).Size];
        return bytes[..ReadAll(file, bytes, 0)]; // shorter if it was cut since: whoever knows what it was to be finds out
    }, token);

    public override Task<int?> Read(ObjectName name, long offset, Memory<byte> into, CancellationToken token) => Act("read the backup", root =>
    {
        using var file = Existing(root, name, long.MaxValue);
        return file is null ? (int?)null : ReadAll(file, into.Span, offset);
    }, token);

    public override Task<List<string>> Names(Folder folder, CancellationToken token) => Act("list the backup", root =>
    {
        using var dir = Existing(root, folder);
        return dir is null ? [] : Libc.Names(dir).FindAll(n => !n.StartsWith('.'));
    }, token);

    public override Task TakeOver(BackupPlace place, Work work) => Act("take the backup over", root =>
    {
        using var dir = Existing(root, place.Folder);
        foreach (var name in dir is null ? [] : Libc.Names(dir))
            if (name.StartsWith('.')) VolumeFiles.Gone(dir!, name);
        return true;
    }, work.Token);

    public override async Task Remove(Folder folder, IReadOnlyCollection<string> names, Work work)
    {
        await work.StillHeld();
        await Act("remove objects of the backup", root =>
        {
            using var dir = Existing(root, folder);
            if (dir is null) return true;
            foreach (var name in names) VolumeFiles.Gone(dir, name);
            VolumeFiles.SyncNames(dir);
            return true;
        }, work.Token);
    }

    public override Task Remove(BackupPlace place, Work work) => Act("remove the backup", root =>
    {
        using var container = Directory(root, place.Container);
        using var dir = container is null ? null : Directory(container, place.BackupId);
        if (dir is null) return true;
        if (VolumeFiles.Gone(dir, "index")) VolumeFiles.SyncNames(dir); // from here on it is no backup any more
        foreach (var name in Libc.Names(dir)) VolumeFiles.Gone(dir, name);
        try { RemoveDirectory(container!, place.BackupId); }
        catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { /* another was quicker */ }
        VolumeFiles.SyncNames(container!);
        return true;
    }, work.Token);

    public override Task<T> Compute<T>(Func<T> work) => Task.Run(work);

    static SafeFileHandle Made(SafeFileHandle root, Folder folder)
    {
        SafeFileHandle? dir = null;
        foreach (var name in folder.Path.Split('/'))
        {
            using var above = dir;
            if (MakeDirectory(above ?? root, name, OwnerOnlyDirectory)) VolumeFiles.SyncNames(above ?? root);
            dir = OpenDirectory(above ?? root, name);
        }
        return dir!;
    }

    static SafeFileHandle? Existing(SafeFileHandle root, Folder folder)
    {
        SafeFileHandle? dir = null;
        foreach (var name in folder.Path.Split('/'))
        {
            using var above = dir;
            if ((dir = Directory(above ?? root, name)) is null) return null;
        }
        return dir;
    }

    /// <summary>The file of an object; null when there is none.</summary>
    static SafeFileHandle? Existing(SafeFileHandle root, ObjectName name, long most)
    {
        using var dir = Existing(root, name.Folder);
        if (dir is null) return null;
        SafeFileHandle file;
        try { file = OpenAt(dir, name.Name, O_RDONLY | O_NONBLOCK); }
        catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { return null; }
        var facts = Facts(file);
        if (facts.IsRegular && facts.Size <= most) return file;
        file.Dispose();
        throw new Fault.DriverFailed("read the backup", $"{name} is no file{(facts.IsRegular ? $" of at most {most} bytes" : "")}.").Thrown();
    }

    static SafeFileHandle? Directory(SafeFileHandle dir, string name)
    {
        try { return OpenDirectory(dir, name); }
        catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { return null; }
    }

    static SafeFileHandle OpenDirectory(SafeFileHandle dir, string name)
    {
        try { return OpenAt(dir, name, O_PATH | O_DIRECTORY); }
        catch (ErrnoException e) when (e.Errno == Errno.ENOTDIR)
        {
            throw new Fault.DriverFailed("open the backup", $"{name} is no directory; links are not followed.").Thrown(e);
        }
    }

    Task<T> Act<T>(string verb, Func<SafeFileHandle, T> act, CancellationToken token) => Answered(verb, () => directory.Lane.Run(_ =>
    {
        using var root = directory.Open();
        return act(root);
    }, ActDeadline, token), token);

    /// <summary>Says what came of an act in faults. Of one whose directory was not there nothing was done yet: it is made at first, and the act done again.</summary>
    async Task<T> Answered<T>(string verb, Func<Task<T>> act, CancellationToken token)
    {
        try
        {
            try { return await act(); }
            catch (VanishedException)
            {
                await directory.Repair(token);
                return await act();
            }
        }
        catch (VanishedException e) { throw new Fault.BackendDown(Backend, e.Message).Thrown(e); }
        catch (TimeoutException e) { throw new Fault.BackendDown(Backend, $"{directory.Name} does not answer: {e.Message}.").Thrown(e); }
        catch (ErrnoException e)
        {
            if (StorageFaults.Lost(e.Errno)) directory.Doubt();
            throw StorageFaults.From(e, Backend, directory.Name, verb).Thrown(e);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await directory.DisposeAsync();
        await base.DisposeAsync();
    }
}
