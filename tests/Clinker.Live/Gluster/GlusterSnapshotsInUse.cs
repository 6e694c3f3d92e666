using Clinker.Contracts;
using Clinker.Drivers;
using Clinker.Gluster;
using Xunit;

namespace Clinker.Live.Gluster;

/// <summary>Snapshots of a volume that a guest has open by way of the mount, on a real GlusterFS.</summary>
[Collection("GlusterFS")]
public sealed class GlusterSnapshotsInUse(TwoShares shares) : SnapshotsInUse, IClassFixture<TwoShares>
{
    protected override string DirectoryOf(string pool) => shares.MountOf(pool);

    protected override Task<Driver> Open() => shares.Open(o => o with { MaxChainDepth = 4 });
}
