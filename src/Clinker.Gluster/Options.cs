namespace Clinker.Gluster;

/// <summary>How much room a new volume takes before anything is written to it.</summary>
public enum Provisioning
{
    /// <summary>None: the file is sparse.</summary>
    Thin,
    /// <summary>All of it (fallocate).</summary>
    Thick,
}

/// <summary>What a new volume's file is.</summary>
public enum VolumeFormat
{
    /// <summary>The bytes of the volume and nothing else.</summary>
    Raw,
    /// <summary>A qcow2 image with its metadata laid out beforehand.</summary>
    Qcow2,
}

/// <summary>What a snapshot or a clone is at first.</summary>
public enum CloneMode
{
    /// <summary>It stands on what it was made of, which is frozen for it: it is there at once, at any size.</summary>
    Thin,
    /// <summary>A copy, which depends on nothing.</summary>
    Full,
}

/// <summary>
/// How much is kept, in each pool, of images that no volume stands on any more; what one stands on is kept in any case. What was used longest
/// ago goes first.
/// </summary>
/// <param name="Count">Images; 0: any number.</param>
/// <param name="SizeGb">What they take together; 0: anything.</param>
/// <param name="Age">Since their last use.</param>
public sealed record ImageCacheBounds(int Count, int SizeGb, TimeSpan Age);

/// <summary>What drivers have in common that keep volumes as files. The names follow Cinder's options where there is one.</summary>
public abstract record FileBackendOptions
{
    /// <summary><c>volume_backend_name</c>; null for the driver's own.</summary>
    public string? VolumeBackendName { get; init; }

    /// <summary><c>nas_volume_prov_type</c>, <c>glusterfs_sparsed_volumes</c>.</summary>
    public Provisioning Provisioning { get; init; } = Provisioning.Thin;

    /// <summary><c>glusterfs_qcow2_volumes</c>.</summary>
    public VolumeFormat Format { get; init; } = VolumeFormat.Raw;

    /// <summary><c>clone_mode</c>. Where volumes have all their room, and where files can be twins, this is not asked.</summary>
    public CloneMode CloneMode { get; init; } = CloneMode.Thin;

    /// <summary><c>max_chain_depth</c>: how many files a volume may consist of. What would make more becomes a copy.</summary>
    public int MaxChainDepth { get; init; } = 16;

    /// <summary><c>flatten_depth</c>: of how many files a volume that nobody has must consist, others' counted, to be made to stand on none of those; 0: never.</summary>
    public int FlattenDepth { get; init; }

    /// <summary><c>flatten_rate</c>, in bytes a second: how fast what nobody asked for writes; 0: as fast as it goes.</summary>
    public long FlattenRate { get; init; }

    /// <summary>What is kept of images that volumes were made of; null: nothing.</summary>
    public ImageCacheBounds? ImageCache { get; init; } = new(50, 0, TimeSpan.FromDays(30));

    /// <summary><c>volume_name_template</c>: the file's name, with one <c>%s</c> for the volume's id.</summary>
    public string VolumeNameTemplate { get; init; } = "volume-%s";

    /// <summary><c>nas_secure_file_permissions</c>: volume files are 0660 instead of 0666.</summary>
    public bool SecureFilePermissions { get; init; }

    /// <summary>The rights of published files, as chmod takes them. 0666 is Cinder's, for QEMU under whichever user.</summary>
    internal uint Mode => SecureFilePermissions ? 0x1b0u /* 0660 */ : 0x1b6u;

    /// <summary><c>reserved_percentage</c>: kept free, of the total.</summary>
    public int ReservedPercentage { get; init; }

    /// <summary><c>max_over_subscription_ratio</c>.</summary>
    public double MaxOverSubscriptionRatio { get; init; } = 20.0;

    /// <summary>The program that makes qcow2 images, and puts them together.</summary>
    public string QemuImg { get; init; } = "qemu-img";

    /// <summary>
    /// Where qcow2 images are laid out before they are copied to the pool: a local directory with room for their metadata (160 MiB
    /// for each TiB).
    /// </summary>
    public string ScratchDirectory { get; init; } = Path.GetTempPath();

    /// <summary>How long one act on the storage may take. Acts on thick volumes get a second more for each GiB.</summary>
    public TimeSpan ActDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a pool may take to say how full it is before it counts as down.</summary>
    public TimeSpan ProbeDeadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How many acts run on one pool at a time, and so how many threads a hung pool can hold.</summary>
    public int ThreadsPerPool { get; init; } = 8;
}

/// <summary>Options of <see cref="DirectoryDriver"/>.</summary>
public sealed record DirectoryOptions : FileBackendOptions
{
    // Who is told the path of a file on his own host takes it for the disk itself.
    public DirectoryOptions() => CloneMode = CloneMode.Full;

    /// <summary>
    /// Absolute paths. One makes a pool that is called as the backend is; of several, each is a pool called by its path.
    /// A path that is not there is made at the start.
    /// </summary>
    public required IReadOnlyList<string> Paths { get; init; }
}

/// <summary>Options of <see cref="GlusterDriver"/>.</summary>
public sealed record GlusterOptions : FileBackendOptions
{
    /// <summary><c>glusterfs_shares_config</c>: the file that lists the shares. Read again whenever it changes.</summary>
    public string SharesConfig { get; init; } = "/etc/cinder/glusterfs_shares";

    /// <summary><c>glusterfs_mount_point_base</c>: the directory that holds the mount points.</summary>
    public string MountPointBase { get; init; } = "/var/lib/cinder/mnt";

    /// <summary><c>nas_host</c>: with <see cref="NasSharePath"/>, one share instead of the shares file.</summary>
    public string? NasHost { get; init; }

    /// <summary><c>nas_share_path</c>: the Gluster volume, with or without a slash before it.</summary>
    public string? NasSharePath { get; init; }

    /// <summary><c>nas_mount_options</c>: what would stand behind the share in the shares file; a bare list of options will do.</summary>
    public string? NasMountOptions { get; init; }

    /// <summary>The program that is a <see cref="Gluster.GfapiWriter"/>; null: all goes through the mount.</summary>
    public string? GfapiWriter { get; init; }

    /// <summary>Where the Gluster clients write their logs, one file a share.</summary>
    public string ClientLogDirectory { get; init; } = "/var/log/glusterfs";

    /// <summary>How long <c>mount</c> may take. Each dead server in the list costs it about three seconds.</summary>
    public TimeSpan MountDeadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a caller waits for a mount that is being made before it hears that the share is down.</summary>
    public TimeSpan MountPatience { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>The pause after a first failed mount; it doubles up to <see cref="MountRetryMost"/>.</summary>
    public TimeSpan MountRetryFirst { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest pause between two attempts to mount.</summary>
    public TimeSpan MountRetryMost { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a mount of ours may hang before it is taken away, its client process killed and the share mounted anew. Well
    /// above Gluster's <c>network.ping-timeout</c> (42 s), after which a healthy client gives up on a dead server by itself.
    /// Zero: never. Whoever has files open on the mount (a running VM) loses them with the client.
    /// </summary>
    public TimeSpan HungMountAfter { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// How long a client whose bricks don't answer may go on so while a new client reaches them, before it counts as wedged and
    /// is replaced. A healthy one reconnects within five seconds of a brick's return.
    /// </summary>
    public TimeSpan ReconnectWithin { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Whether shares are unmounted at the end. Off, since running VMs keep their disks on them.</summary>
    public bool UnmountAtDispose { get; init; }
}
