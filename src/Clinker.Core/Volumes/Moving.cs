using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;

namespace Clinker.Volumes;

/// <summary>
/// A volume's way into another pool, or into a file of another format, as steps of the operation that moves it:
/// <list type="number">
/// <item>Room is reserved there for a file with a new id in its name, which no volume has until the end.</item>
/// <item>The volume is read where it lies and that file is filled with it. Hosts wait meanwhile; the volume is still the old file.</item>
/// <item>One transaction, the operation's last: the volume is the new file, and the old one is left. Until then all is undone by
/// leaving the new file; from then on there is nothing to undo. What deletes the file that was left (<see cref="DeleteLeftFile"/>)
/// is another operation: whether and when it can, be its share lost for good, does not touch the volume.</item>
/// </list>
/// </summary>
static class Moving
{
    /// <summary>Holds the new file's id for the operation: nobody takes its work files for left over.</summary>
    public static About Hold(string fileId) => new("volume", fileId);

    /// <summary>Fills a file in the pool; as steps.</summary>
    /// <param name="volume">As it is until the end.</param>
    /// <param name="format">Which its type asks for; null: as new ones are made there.</param>
    public static async Task<VolumeOnDisk> Copy(Saga saga, Volume volume, string pool, string fileId, string? format)
    {
        await saga.HandTo(PoolName.Parse(pool).Queue); // where it is to be; the same worker must reach where it is
        await FilesTurn.Pass(saga, volume.Id);
        var to = volume with { Host = pool, NameId = fileId, ProviderLocation = null, Format = format };
        var disk = await saga.Step("copy",
            () => Fill(saga, volume, to),
            undo: tx => Leave(tx, saga.Row, volume, pool, fileId, deletedBy: fileId));
        await saga.Commit("completing", async tx =>
        {
            await tx.Volumes.SetMigrationStatus(volume.Id, MigrationStatus.Completing);
            return true;
        });
        return disk;
    }

    static async Task<VolumeOnDisk> Fill(Saga saga, Volume volume, Volume to)
    {
        const string what = "move the volume";
        var (here, there) = (PoolName.Parse(volume.Host!).Queue, PoolName.Parse(to.Host!).Queue);
        if (!saga.Means.Drivers.TryGetValue(here, out var source))
            throw Cannot($"no daemon serves both {here}, where it lies, and {there}.");
        source.Demand(Abilities.Content, what);
        saga.Driver.Demand(Abilities.Content, what);
        await Writers.DemandNone(saga, volume.Id, what);
        // A volume with snapshots is not moved. One that was adopted may have some that nobody has managed yet, and they can be only with it.
        if (await source.SnapshotsIn(volume, saga.Work) is { Count: > 0 } snapshots)
            throw Cannot($"its files hold snapshots that are not managed: {string.Join(", ", snapshots)}. Manage them first; then they can be deleted.");
        await using var content = await source.Read(volume with { Status = VolumeStatus.Available, AttachStatus = AttachStatus.Detached }, saga.Work);
        return await saga.Driver.CreateFilled(to, content.Copy(saga.Work.Progress), saga.Work);

        static FaultException Cannot(string why) => new(new Fault.DriverFailed(what, why)) { NothingDone = true };
    }

    /// <summary>The volume is the new file from now on; in the transaction that ends the operation.</summary>
    public static async Task Switch(Tx tx, OperationRow row, Volume volume, string pool, string fileId, VolumeOnDisk disk)
    {
        await tx.Volumes.SetFile(volume.Id, pool, fileId, disk);
        await Leave(tx, row, volume, volume.Host!, volume.FileId, deletedBy: fileId);
    }

    /// <summary>Gives back the room of the new file when all is undone, unless that file was left: then it has its room until it is deleted.</summary>
    public static Task Release(Tx tx, string fileId) => tx.Pools.Release(fileId, orLeft: false);

    static async Task Leave(Tx tx, OperationRow row, Volume volume, string pool, string fileId, string deletedBy)
    {
        await tx.Pools.Leave(fileId, volume.Id);
        await DeleteLeftFile.Start(tx, fileId, pool, volume.SizeGb, operationId: deletedBy, row.RequestId);
    }
}
