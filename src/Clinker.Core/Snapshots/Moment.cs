using Clinker.Attachments;
using Clinker.Operations;
using Clinker.Volumes;

namespace Clinker.Snapshots;

/// <summary>
/// A volume in use as it was at one moment, for an operation that reads it: a snapshot that has no row, since nobody but the operation
/// knows of it, and goes before it ends. Who takes one holds its id: nobody takes its file for left over.
/// </summary>
static class Moment
{
    public static Snapshot Of(Volume volume, string id) => new()
    {
        Id = id,
        ProjectId = volume.ProjectId,
        UserId = volume.UserId,
        VolumeId = volume.Id,
        SizeGb = volume.SizeGb,
        Status = SnapshotStatus.Creating,
        CreatedAt = volume.CreatedAt,
    };

    /// <summary>Takes it, as a step; its undo lets go of it.</summary>
    /// <param name="what">What the backend can't do if a host still has it: "upload volumes in use".</param>
    public static Task Take(Saga saga, Volume volume, Snapshot moment, string what) => saga.Step("moment",
        async () => await saga.Driver.CreateSnapshot(await Writers.ToCopy(saga, volume.Id, what), moment, saga.Work),
        undo: () => Drop(saga, volume, moment));

    /// <summary>Lets go of it, as a step.</summary>
    public static Task LetGo(Saga saga, Volume volume, Snapshot moment) => saga.Step("let go", () => Drop(saga, volume, moment));

    static Task Drop(Saga saga, Volume volume, Snapshot moment) => saga.Driver.DeleteSnapshot(volume, moment, saga.Work);
}
