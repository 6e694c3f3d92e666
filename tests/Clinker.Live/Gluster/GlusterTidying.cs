using Clinker.Contracts;
using Clinker.Drivers;
using Xunit;

namespace Clinker.Live.Gluster;

/// <summary>Volumes that nobody has are put in order, on a real GlusterFS.</summary>
[Collection("GlusterFS")]
public sealed class GlusterTidying(TwoShares shares) : TidyingContract, IClassFixture<TwoShares>
{
    protected override Task<Driver> Open(long rate) => shares.Open(o => o with { FlattenDepth = Depth, FlattenRate = rate });

    protected override string DirectoryOf(string pool) => shares.MountOf(pool);

    public override async ValueTask DisposeAsync()
    {
        foreach (var file in Directory.EnumerateFiles(shares.MountOf(shares.Node.Share("vol1")))) File.Delete(file);
        await base.DisposeAsync();
    }
}
