using System.Net;
using Clinker.Server.Policies;

namespace Clinker.Server.Configuration;

/// <summary>What this process does.</summary>
[Flags]
enum Roles
{
    None = 0,
    Api = 1,
    Scheduler = 2,
    Volume = 4,
    Backup = 8,
    All = Api | Scheduler | Volume | Backup,
}

/// <summary>All that was configured, checked: nothing in here has to be looked at again.</summary>
sealed record Settings
{
    public required Roles Roles { get; init; }
    /// <summary>Whether it runs without a configuration file, on its own state directory.</summary>
    public required bool Embedded { get; init; }
    /// <summary>The files that were read, in that order.</summary>
    public required IReadOnlyList<string> Files { get; init; }
    /// <summary>The first part of <c>host@backend#pool</c>.</summary>
    public required string Host { get; init; }
    public required IPAddress MyIp { get; init; }
    /// <summary>An absolute path.</summary>
    public required string StatePath { get; init; }
    public required ApiSettings Api { get; init; }
    public required NetworkSettings Network { get; init; }
    /// <summary>Null: there is none. Without <see cref="UsersFile"/> too, whoever reaches the API is an administrator.</summary>
    public required KeystoneSettings? Keystone { get; init; }
    /// <summary>By which Keystone and as whom Nova is asked; null: it is not.</summary>
    public required KeystoneSettings? Nova { get; init; }
    /// <summary>The users file, as an absolute path; null where callers are not told by their passwords, or there is no API.</summary>
    public required string? UsersFile { get; init; }
    /// <summary>Where it is said who may do what.</summary>
    public required PolicyPlace Policy { get; init; }
    public required DatabaseUrl Database { get; init; }
    public required ZoneSettings Zones { get; init; }
    public required string DefaultVolumeType { get; init; }
    public required string? DefaultGroupType { get; init; }
    /// <summary>The file name of a volume, with one <c>%s</c> for its id.</summary>
    public required string VolumeNameTemplate { get; init; }
    public required QuotaSettings Quotas { get; init; }
    public required ImageSettings Images { get; init; }
    public required SchedulerSettings Scheduler { get; init; }
    public required LogSettings Logs { get; init; }
    /// <summary>Null: no audit log is written.</summary>
    public required AuditSettings? Audit { get; init; }
    /// <summary>Empty where the role volume is not run.</summary>
    public required IReadOnlyList<BackendSettings> Backends { get; init; }
    /// <summary>Where backups are kept; null where nothing says so, and on a host that has no part in them.</summary>
    public required BackupSettings? Backups { get; init; }
    public required TimeSpan ReportInterval { get; init; }
    public required TimeSpan ServiceDownTime { get; init; }
    public required TimeSpan StatsInterval { get; init; }
    /// <summary>What lists may be filtered by, by resource; null for what Cinder ships.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>>? ResourceFilters { get; init; }
    /// <summary>To be logged once, as warnings: old names, values without effect, ignored keys.</summary>
    public required IReadOnlyList<string> Notes { get; init; }
}

/// <param name="Listen">The address and port; port 0 for any free one.</param>
/// <param name="MaxLimit">The most items on a page.</param>
/// <param name="MaxBodyBytes">The most bytes of a request's body.</param>
/// <param name="PublicEndpoint">What links start with; null: what the request was sent to.</param>
sealed record ApiSettings(IPEndPoint Listen, int MaxLimit, int MaxBodyBytes, Uri? PublicEndpoint);

/// <param name="Storage">The zone of this host's backends.</param>
/// <param name="Default">The zone of a volume for which none is asked.</param>
/// <param name="Fallback">Whether <paramref name="Default"/> takes the place of an unknown one.</param>
sealed record ZoneSettings(string Storage, string Default, bool Fallback);

/// <summary>Quotas of a project that has none of its own; −1: no limit.</summary>
sealed record QuotaSettings(
    int Volumes, int Snapshots, int Gigabytes, int Backups, int BackupGigabytes, int Groups, int PerVolumeGigabytes);

/// <param name="Glance">Null: there is no image service.</param>
/// <param name="CoreProperties">What is not passed on to images of volumes.</param>
/// <param name="ForceUpload">Whether a volume in use may be made an image.</param>
/// <param name="CompressedUpload">Whether an image of a volume may be a compressed one.</param>
/// <param name="Signatures">Where the certificates are by which signatures are verified; null: they are not.</param>
sealed record ImageSettings(
    Outside.GlanceSettings? Glance, Clinker.Outside.ConversionSettings Conversion, IReadOnlyList<string> CoreProperties, bool ForceUpload,
    bool CompressedUpload, Outside.BarbicanSettings? Signatures);

/// <summary>Filters and weighers by Cinder's names, in order.</summary>
/// <param name="Multipliers">By weigher; 1 for others.</param>
/// <param name="MaxAttempts">In how many pools making a volume is tried.</param>
sealed record SchedulerSettings(IReadOnlyList<string> Filters, IReadOnlyList<string> Weighers,
    IReadOnlyDictionary<string, double> Multipliers, Scheduling.WeightHandler Handler, int MaxAttempts);

/// <param name="Directory">Where a file for each role goes; null: standard error only.</param>
/// <param name="File">The one file for all roles, as an absolute path; null: one for each.</param>
sealed record LogSettings(bool Debug, bool Json, string? Directory, string? File);

/// <param name="File">An absolute path.</param>
/// <param name="Ignored">Methods of requests that are not written.</param>
sealed record AuditSettings(string File, IReadOnlyList<string> Ignored);

/// <summary>A backend of this host.</summary>
/// <param name="Name">The middle of <c>host@backend#pool</c>.</param>
/// <param name="Host">The first part of it.</param>
abstract record BackendSettings(string Name, string Host)
{
    /// <summary>What volume types ask for.</summary>
    public required string VolumeBackendName { get; init; }
    public required int ReservedPercentage { get; init; }
    public required double MaxOverSubscriptionRatio { get; init; }
    public required DriverKind Driver { get; init; }
    /// <summary>What its section says that it can, by name.</summary>
    public required IReadOnlyDictionary<string, string> Capabilities { get; init; }

    /// <summary>Volumes that are files.</summary>
    public abstract record Files(string Name, string Host) : BackendSettings(Name, Host)
    {
        /// <summary>Whether new volumes take all their room at once.</summary>
        public required bool Thick { get; init; }
        /// <summary>Whether new volumes are qcow2 images.</summary>
        public required bool Qcow2 { get; init; }
        /// <summary>Mode 0660 instead of 0666.</summary>
        public required bool SecureFilePermissions { get; init; }
        public required bool ThinClones { get; init; }
        public required int MaxChainDepth { get; init; }
        /// <summary>0: never.</summary>
        public required int FlattenDepth { get; init; }
        /// <summary>MiB a second; 0: any.</summary>
        public required int FlattenRate { get; init; }
        /// <summary>Null: no image is kept.</summary>
        public required ImageCacheSettings? ImageCache { get; init; }
    }

    public sealed record Gluster(string Name, string Host) : Files(Name, Host)
    {
        public required string SharesConfig { get; init; }
        public required string MountPointBase { get; init; }
        /// <summary>Set together with <see cref="NasSharePath"/>: one share instead of the file.</summary>
        public string? NasHost { get; init; }
        public string? NasSharePath { get; init; }
        public string? NasMountOptions { get; init; }
        public bool Gfapi { get; init; }
        /// <summary>Shares of the command line, which <see cref="Embedded.Prepare"/> writes into <see cref="SharesConfig"/>; else empty.</summary>
        public IReadOnlyList<string> Shares { get; init; } = [];
    }

    public sealed record Directory(string Name, string Host) : Files(Name, Host)
    {
        /// <summary>Absolute, at least one.</summary>
        public required IReadOnlyList<string> Paths { get; init; }
    }

    public sealed record Memory(string Name, string Host) : BackendSettings(Name, Host);
}

/// <summary>Where backups are kept.</summary>
/// <param name="Path">A directory, as an absolute path: the one that they lie in, or where their share is mounted.</param>
/// <param name="Container">What is in it for those that name none.</param>
/// <param name="Compression">Of objects.</param>
sealed record BackupSettings(string Path, string Container, Drivers.BackupCompression Compression)
{
    /// <summary>The Gluster share that they lie on; null: they lie in the directory.</summary>
    public string? Share { get; init; }
}

/// <summary>What came of the command line and the files.</summary>
abstract record Start
{
    /// <summary>The daemon is to run.</summary>
    public sealed record Run(Settings Settings) : Start;

    /// <summary>Something was asked that needs no daemon: print it to standard output and exit with this code.</summary>
    public sealed record Print(string Text, int Code = 0) : Start;

    /// <summary>It can't start: print them to standard error, one a line, and exit with 1. All there are, not only the first.</summary>
    public sealed record Refused(IReadOnlyList<string> Errors) : Start;
}

/// <summary>What the configuration depends on besides files and arguments.</summary>
/// <param name="Variable">An environment variable, null when unset.</param>
/// <param name="HostName">The machine's name, with its domain where it has one.</param>
/// <param name="Ip">The address of the default route.</param>
/// <param name="DefaultDirectory">Where <c>cinder.conf</c> and <c>cinder.conf.d/</c> are looked for.</param>
sealed record Surroundings(Func<string, string?> Variable, string HostName, IPAddress Ip, string Version, string DefaultDirectory = "/etc/cinder")
{
    public static Surroundings Real(string version) =>
        new(Environment.GetEnvironmentVariable, Dns.GetHostName(), DefaultRoute(), version);

    // Connecting a datagram socket sends nothing: it asks the kernel which address it would send from (oslo_utils.netutils,
    // get_my_ipv4). The address is one that is set aside for documentation (RFC 5737).
    static IPAddress DefaultRoute()
    {
        try
        {
            using var socket = new System.Net.Sockets.Socket(
                System.Net.Sockets.AddressFamily.InterNetwork, System.Net.Sockets.SocketType.Dgram, System.Net.Sockets.ProtocolType.Udp);
            socket.Connect(new IPEndPoint(new IPAddress([192, 0, 2, 1]), 9));
            return ((IPEndPoint)socket.LocalEndPoint!).Address;
        }
        catch (System.Net.Sockets.SocketException)
        {
            return IPAddress.Loopback;
        }
    }
}

/// <summary>How much is kept of images that no volume stands on. 0: any number.</summary>
public sealed record ImageCacheSettings(int Count, int SizeGb, int Days);
