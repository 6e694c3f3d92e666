using Clinker.Contracts;
using Clinker.Drivers;
using Clinker.Gluster;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Live.Gluster;

/// <summary>Snapshots of a volume that a guest has open by way of the mount, on a real GlusterFS.</summary>
[Collection("GlusterFS")]
public sealed class GlusterSnapshotsInUse(TwoShares shares) : SnapshotsInUse, IClassFixture<TwoShares>
{
    string Base => Path.Combine(shares.Node.Root, "mnt-in-use");

    protected override string DirectoryOf(string pool) => Layout.MountPoint(Base, pool);

    protected override async Task<Driver> Open()
    {
        var file = Path.Combine(shares.Node.Root, "shares-in-use.conf");
        await File.WriteAllTextAsync(file, $"{shares.Node.Share("vol1")}\n");
        return new GlusterDriver("gluster", new()
        {
            SharesConfig = file, MountPointBase = Base, ClientLogDirectory = shares.Node.Root, MaxChainDepth = 4,
        }, TimeProvider.System, NullLogger.Instance);
    }
}
