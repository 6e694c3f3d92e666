using Clinker.Gluster.Native;
using Clinker.Host;
using Clinker.Operations;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

/// <summary>
/// A share and its mount. Before each act the mount is proven: the kernel's mount table has a Gluster FUSE mount of this very
/// volume at exactly this path, and the directory that was opened lies on that mount's device. What is then done relative to
/// the open directory lands on the share or fails, whatever becomes of the mount.
///
/// A mount that is missing is made; one whose client process is dead is taken away and made anew; one whose client lives but
/// has no brick is left to it, since it comes back by itself (unless a new client gets through and it does not); one that hangs for longer than a healthy client ever would is
/// taken away with its client, if that is ours. One attempt at a time, with growing pauses.
/// </summary>
internal sealed partial class GlusterShare(Share share, string directory, string backend, GlusterOptions options, TimeProvider time, ILogger log)
    : Place(share.Text)
{
    const string FuseType = "fuse.glusterfs";
    const uint GroupWrite = 0x10;
    /// <summary>After this many threads lost to mounts that were replaced something is wrong that replacing won't mend.</summary>
    const int MostLostThreads = 64;

    /// <summary>So long files are written through the mount once libgfapi has failed.</summary>
    static readonly TimeSpan DirectRest = TimeSpan.FromMinutes(10);

    readonly string logFile = Path.Combine(options.ClientLogDirectory, directory.TrimStart('/').Replace('/', '-') + ".log");
    readonly CancellationTokenSource ending = new();
    readonly Lock gate = new();
    readonly List<Lane> replaced = [];
    volatile Lane lane = new($"storage {share.Text}", options.ThreadsPerPool, time);
    volatile Share share = share;
    volatile MountEntry? ready;
    volatile bool doubt;
    Task? repair;
    string? lastWhy;
    long failedAt, lostAt;
    long? directFailedAt;
    int failures;

    public override string? Location => Name;
    public override Lane Lane => lane;

    /// <summary>Options may change while mounted; the next mount takes them.</summary>
    public Share Share { get => share; set => share = value; }

    public override SafeFileHandle Open()
    {
        if (doubt) throw new VanishedException($"{Name}: its mount does not answer as it should");
        return Proven();
    }

    public override void Prove(SafeFileHandle dir)
    {
        using var now = Proven();
        var (was, isNow) = (Libc.Facts(dir, fromCache: true), Libc.Facts(now, fromCache: true));
        if ((was.DeviceMajor, was.DeviceMinor) != (isNow.DeviceMajor, isNow.DeviceMinor))
            throw new VanishedException($"{Name}: its mount was replaced meanwhile");
    }

    public override void Doubt() => doubt = true;

    /// <summary>As of any place; and a mount in doubt that answers is in doubt no more, one that is dead is to be repaired.</summary>
    public override Task<Room> Measure(TimeSpan deadline, CancellationToken token)
    {
        if (HangsTooLong) throw new VanishedException($"{Name}: its mount hangs");
        return lane.Run(_ =>
        {
            using var dir = Proven();
            try
            {
                var room = Libc.Statvfs(dir);
                (doubt, lostAt) = (false, 0);
                return room;
            }
            catch (ErrnoException e) when (StorageFaults.Lost(e.Errno))
            {
                throw new VanishedException($"{Name}: {e.Words}");
            }
        }, deadline, token, probe: true);
    }

    /// <summary>Has the mount made, unless that failed just now; one caller's attempt serves all.</summary>
    public override async Task Repair(CancellationToken token)
    {
        Task attempt;
        lock (gate)
        {
            if (repair is not { IsCompleted: false })
            {
                if (lastWhy is not null && time.GetElapsedTime(failedAt) < Pause) throw Down(lastWhy).Thrown();
                repair = Background.Start(Attempt);
            }
            attempt = repair;
        }
        try { await attempt.WaitAsync(options.MountPatience, time, token); }
        catch (TimeoutException) { throw Down("it is not mounted yet; that takes long. Are its servers reachable?").Thrown(); }
    }

    public override bool MayBeDirect
    {
        get
        {
            lock (gate) return options.GfapiWriter is not null && (directFailedAt is not { } at || time.GetElapsedTime(at) >= DirectRest);
        }
    }

    public override async Task<GfapiFile?> Direct(string name, ulong inode, CancellationToken token)
    {
        var (to, slash) = (share, share.Volume.IndexOf('/', StringComparison.Ordinal));
        var (volume, path) = slash < 0 ? (to.Volume, "") : (to.Volume[..slash], to.Volume[slash..]);
        try
        {
            var file = await GfapiFile.Open(options.GfapiWriter!, Path.ChangeExtension(logFile, null) + "-gfapi.log", volume, $"{path}/{name}", inode, to.AllServers, token);
            Log.Direct(log, Name, name);
            return file;
        }
        catch (IOException e) { DirectFailed(e.Message); }
        catch (OperationCanceledException) { /* it is not needed any more */ }
        return null;
    }

    public override void DirectFailed(string why)
    {
        lock (gate) directFailedAt = time.GetTimestamp();
        Log.NotDirect(log, Name, why);
    }

    public override async ValueTask DisposeAsync()
    {
        await ending.CancelAsync();
        Task? last;
        lock (gate) last = repair;
        if (last is not null) await last.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await base.DisposeAsync();
        ending.Dispose();
        if (!options.UnmountAtDispose || MountTable.At(directory) is not { Type: FuseType }) return;
        try { await Mounts.Blocking(() => { Libc.Unmount(directory); return true; }); }
        catch (Exception e) when (e is ErrnoException or TimeoutException) { Log.StaysMounted(log, Name, e.Message); }
    }

    TimeSpan Pause => TimeSpan.FromTicks(Math.Min(
        options.MountRetryMost.Ticks, options.MountRetryFirst.Ticks << Math.Clamp(failures - 1, 0, 20)));

    bool HangsTooLong => options.HungMountAfter > TimeSpan.Zero && lane.HungFor > options.HungMountAfter;

    Fault.BackendDown Down(string why) => new(backend, $"{Name}: {why}");

    SafeFileHandle Proven()
    {
        var entry = MountTable.At(directory) ?? throw new VanishedException($"{Name} is not mounted");
        if (entry != ready) throw new VanishedException($"{Name} was mounted anew");
        return Open(entry);
    }

    SafeFileHandle Open(MountEntry entry)
    {
        var dir = Libc.Open(directory, Libc.O_PATH | Libc.O_DIRECTORY);
        var facts = Libc.Facts(dir, fromCache: true);
        if ((facts.DeviceMajor, facts.DeviceMinor) == (entry.Major, entry.Minor)) return dir;
        dir.Dispose();
        throw new VanishedException($"{Name}: its mount went away while it was looked at");
    }

    async Task Attempt()
    {
        string? why;
        try { why = await Try(); }
        catch (VanishedException e) { why = e.Message; }
        catch (TimeoutException e) { why = $"it does not answer: {e.Message}"; }
        catch (ErrnoException e) { why = e.Message; }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { why = e.Message; }
        lock (gate)
        {
            (lastWhy, failedAt, failures) = (why, time.GetTimestamp(), why is null ? 0 : failures + 1);
        }
        if (why is not null) throw Down(why).Thrown();
    }

    /// <summary>Null when the share is mounted and fit for use, else why not.</summary>
    async Task<string?> Try()
    {
        if (HangsTooLong && await TakeAwayHung() is { } hangs) return hangs;
        if (MountTable.At(directory) is { } entry)
        {
            if (Wrong(entry) is { } wrong) return wrong;
            try
            {
                await lane.Run(_ => { using var dir = Open(entry); return Libc.Statvfs(dir); }, options.ProbeDeadline, ending.Token, probe: true);
                return await Use(entry);
            }
            catch (ErrnoException e) when (StorageFaults.Lost(e.Errno))
            {
                var clients = await Mounts.Clients(directory, logFile);
                if (clients.Count == 0) Log.ClientDied(log, Name);
                else if (await StillConnects(e, clients) is { } why) return why;
                await Replace(clients);
            }
        }
        return await MountAnew();
    }

    /// <summary>
    /// A client without bricks has them back by itself when they return, and VMs have their disks open through it. Only when a new
    /// client has reached the bricks and ours still has not, it is not waiting but wedged: then null.
    /// </summary>
    async Task<string?> StillConnects(ErrnoException e, IReadOnlyList<Client> clients)
    {
        if (lostAt == 0) lostAt = time.GetTimestamp();
        if (time.GetElapsedTime(lostAt) < options.ReconnectWithin
            || !await Mounts.Reaches(share, directory + "-probe", logFile + "-probe", options.MountDeadline, ending.Token))
            return $"no brick answers ({e.Words}). Look at 'gluster volume status' on a server; the mount comes back by itself";
        if (clients.Any(c => !c.Ours))
            return $"its client process has lost the bricks for good, though a new one reaches them, and is not ours to replace: umount -l {directory}";
        Log.Wedged(log, Name, clients[0].Process);
        return null;
    }

    async Task<string?> MountAnew()
    {
        var hidden = await Mounts.Prepare(directory);
        if (hidden.Count > 0) Log.Hides(log, directory, string.Join(", ", hidden));
        await Mounts.Blocking(() => Directory.CreateDirectory(options.ClientLogDirectory));
        var why = await Mounts.Mount(share, directory, logFile, options.MountDeadline, ending.Token);
        if (why is null)
        {
            if (MountTable.At(directory) is not { } entry) why = $"mount said nothing and mounted nothing: {await Mounts.WhyGone(logFile) ?? "see " + logFile}";
            else why = Wrong(entry) ?? await Use(entry);
        }
        if (why is null)
        {
            Log.Mounted(log, Name, directory);
            return null;
        }
        // What a failed attempt leaves would be taken for a mount, or for a client that will come back.
        await Mounts.Detach(directory);
        foreach (var client in (await Mounts.Clients(directory, logFile)).Where(c => c.Ours)) await Mounts.Kill(client);
        return why;
    }

    string? Wrong(MountEntry entry) =>
        entry.Type != FuseType ? $"{directory} is a mount of {entry.Source} ({entry.Type}), not of this share; unmount it"
        : SharesFile.VolumeOf(entry.Source) != share.Volume ? $"{directory} is a mount of {entry.Source}, another volume than this share; unmount it"
        : null;

    /// <summary>Group and write permission as Cinder's driver leaves them, and a test that files can be made.</summary>
    async Task<string?> Use(MountEntry entry)
    {
        // One name for this machine: what a killed daemon left of its test, the next one takes away.
        var test = $".cinder-write-test-{Environment.MachineName}";
        try
        {
            await lane.Run(_ =>
            {
                using var dir = Open(entry);
                using var open = Libc.OpenAt(dir, ".", Libc.O_RDONLY | Libc.O_DIRECTORY);
                var facts = Libc.Facts(open);
                try
                {
                    if (facts.Group != Libc.EffectiveGroup) Libc.ChangeGroup(open, Libc.EffectiveGroup);
                    if ((facts.Mode & GroupWrite) == 0) Libc.ChangeMode(open, (facts.Mode & 0xfff) | GroupWrite);
                }
                catch (ErrnoException e) when (e.Errno == Errno.EPERM) { Log.KeepsRights(log, Name); }
                Libc.OpenAt(dir, test, Libc.O_WRONLY | Libc.O_CREAT, 0x180).Dispose();
                try { Libc.Unlink(dir, test); }
                catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { /* another daemon's test was quicker */ }
                return true;
            }, options.ActDeadline, ending.Token);
        }
        catch (ErrnoException e) when (e.Errno is Errno.EACCES or Errno.EPERM or Errno.EROFS)
        {
            return $"no file can be made on it ({e.Words}). Give the daemon's group write permission on the share's top directory, and look at server.root-squash and at the mount option ro";
        }
        catch (ErrnoException e) when (e.Errno is Errno.ENOSPC or Errno.EDQUOT) { Log.IsFull(log, Name); /* it serves all the same: volumes are deleted on it */ }
        (ready, doubt, lostAt) = (entry, false, 0);
        return null;
    }

    async Task<string?> TakeAwayHung()
    {
        var clients = await Mounts.Clients(directory, logFile);
        if (clients.Count == 0 || clients.Any(c => !c.Ours))
            return $"its mount has hung for {lane.HungFor?.TotalSeconds:0} s and is not ours to replace: umount -l {directory}";
        if (replaced.Sum(l => l.Stuck) >= MostLostThreads)
            return "its mount hangs again and again and the kernel keeps what waited for it: restart the daemon";
        Log.Hung(log, Name, lane.HungFor ?? TimeSpan.Zero, clients[0].Process);
        await Replace(clients);
        return null;
    }

    async Task Replace(IReadOnlyList<Client>? kill = null)
    {
        await Mounts.Detach(directory);
        foreach (var client in kill ?? []) await Mounts.Kill(client);
        lane.Close();
        replaced.RemoveAll(l => l.Stuck == 0);
        replaced.Add(lane);
        lane = new Lane($"storage {Name}", options.ThreadsPerPool, time);
    }

    static partial class Log
    {
        [LoggerMessage(20, LogLevel.Information, "Share {Share} is mounted at {Directory}")]
        public static partial void Mounted(ILogger log, string share, string directory);

        [LoggerMessage(21, LogLevel.Warning, "Share {Share}: its client process is dead; it is mounted anew")]
        public static partial void ClientDied(ILogger log, string share);

        [LoggerMessage(22, LogLevel.Error, "Share {Share} has hung for {For}: its mount and client process {Process} are taken away")]
        public static partial void Hung(ILogger log, string share, TimeSpan @for, int process);

        [LoggerMessage(23, LogLevel.Warning,
            "Under the mount point {Directory} lie local files ({Names}, …) that the mount hides: somebody wrote while it was gone")]
        public static partial void Hides(ILogger log, string directory, string names);

        [LoggerMessage(24, LogLevel.Warning, "Share {Share}: group and group-write permission of its top directory could not be set")]
        public static partial void KeepsRights(ILogger log, string share);

        [LoggerMessage(25, LogLevel.Warning, "Share {Share} is full")]
        public static partial void IsFull(ILogger log, string share);

        [LoggerMessage(27, LogLevel.Error,
            "Share {Share}: its client process {Process} has lost the bricks for good while a new one reaches them: it is replaced")]
        public static partial void Wedged(ILogger log, string share, int process);

        [LoggerMessage(28, LogLevel.Debug, "Share {Share}: {Name} is written by libgfapi from here on")]
        public static partial void Direct(ILogger log, string share, string name);

        [LoggerMessage(29, LogLevel.Information, "Share {Share}: files are filled through its mount for now, and not by libgfapi: {Why}")]
        public static partial void NotDirect(ILogger log, string share, string why);

        [LoggerMessage(26, LogLevel.Warning, "Share {Share} stays mounted: {Why}")]
        public static partial void StaysMounted(ILogger log, string share, string why);
    }
}
