using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Groups;

/// <summary>Takes volumes into a group and lets them go (Cinder: API.update). Backends know nothing of groups: it is done with the rows.</summary>
public static class GroupMembers
{
    static readonly IReadOnlyList<string> MayCome = [VolumeStatus.Available, VolumeStatus.InUse];
    static readonly IReadOnlyList<string> MayGo = [VolumeStatus.Available, VolumeStatus.InUse, VolumeStatus.Error, VolumeStatus.ErrorDeleting];

    /// <param name="group">Its row stays as it is until the transaction ends.</param>
    /// <param name="mayKnow">Whether the caller may know of volumes of a project.</param>
    /// <returns>How many came.</returns>
    /// <exception cref="FaultException">Invalid.</exception>
    public static async Task<int> Add(Tx tx, Group group, IReadOnlyList<string> volumeIds, Func<string, bool> mayKnow)
    {
        var backend = await tx.Groups.BackendOf(group.Id);
        var come = 0;
        foreach (var id in volumeIds.Distinct().Order(StringComparer.Ordinal))
        {
            var volume = await tx.Volumes.Find(id, @lock: true);
            if (volume is null || !mayKnow(volume.ProjectId)) throw Cannot(id, "because volume cannot be found.");
            if (volume.GroupId == group.Id) continue;
            var lies = volume.Host is null ? null : PoolName.Parse(volume.Host).Queue;
            var why = volume switch
            {
                { GroupId: { } other } => $"because it is already in group {other}.",
                _ when volume.ProjectId != group.ProjectId => "as they belong to different projects.",
                { VolumeTypeId: null } => "because it has no volume type.",
                { VolumeTypeId: { } type } when !group.VolumeTypes.Contains(type) =>
                    $"because volume type {type} is not supported by the group.",
                _ when !MayCome.Contains(volume.Status) =>
                    $"because volume is in an invalid state: {volume.Status}. Valid states are: {Tuple(MayCome)}.",
                { IsMigrating: true } => "because it is being migrated.",
                _ => null,
            };
            if (why is not null) throw Cannot(id, why);
            if (lies is null || (backend ??= lies) != lies) throw Fault.Invalid.Volume("Volume is not local to this node.").Thrown();
            await tx.Volumes.SetGroup(id, group.Id);
            come++;
        }
        return come;

        FaultException Cannot(string id, string why) => Fault.Invalid.Volume($"Cannot add volume {id} to group {group.Id} {why}").Thrown();
    }

    /// <inheritdoc cref="Add"/>
    /// <returns>How many went.</returns>
    public static async Task<int> Remove(Tx tx, Group group, IReadOnlyList<string> volumeIds)
    {
        foreach (var id in volumeIds.Distinct().Order(StringComparer.Ordinal))
        {
            var volume = await tx.Volumes.Find(id, @lock: true);
            var why = volume is null || volume.GroupId != group.Id ? "it is not in the group."
                : !MayGo.Contains(volume.Status) ? $"volume is in an invalid state: {volume.Status}. Valid states are: {Tuple(MayGo)}."
                : null;
            if (why is not null)
                throw Fault.Invalid.Volume($"Cannot remove volume {id} from group {group.Id} because {why}").Thrown();
            await tx.Volumes.SetGroup(id, null);
        }
        return volumeIds.Count;
    }

    static string Tuple(IEnumerable<string> words) => $"({string.Join(", ", words.Select(w => $"'{w}'"))})";
}
