using Clinker.Drivers;
using Clinker.Operations;

namespace Clinker.Outside;

/// <summary>
/// The compute service (Nova), which helps with what only the hypervisor of a running virtual machine can do: os-assisted-volume-snapshots
/// (https://docs.openstack.org/api-ref/compute/#assisted-volume-snapshots). It is asked as this service and answers at once; what came of it, it
/// says later by os-update_snapshot_status: see <see cref="Snapshots.AssistedSnapshot"/>, <see cref="Snapshots.AssistedMerge"/> and <see cref="Volumes.AssistedFlatten"/>.
/// </summary>
public abstract class Compute
{
    /// <summary>Asks that the virtual machine which has a volume goes over to a new file. Never to be asked twice.</summary>
    /// <param name="newFile">Its name, in the folder of the file that is open; an image (qcow2) that stands on that.</param>
    /// <exception cref="FaultException">
    /// With <see cref="FaultException.NothingDone"/> when it is sure that nothing comes of it: a transient fault when it was not even asked,
    /// another when it said no. Without: it may have been heard.
    /// </exception>
    public abstract Task TakeSnapshot(string volumeId, string snapshotId, string newFile, CancellationToken stop);

    /// <summary>
    /// Asks that the hypervisor of the virtual machine which has a volume puts two of its files together. Heard again when that is done, or under
    /// way, it is refused there, and changes nothing.
    /// </summary>
    /// <param name="snapshotId">What its word is said of.</param>
    /// <exception cref="FaultException">As at <see cref="TakeSnapshot"/>.</exception>
    public abstract Task Merge(string volumeId, string snapshotId, Merge what, CancellationToken stop);

    /// <summary>
    /// Asks that the hypervisor of the virtual machine which has a volume takes up all that the file which that has open stands on into this file.
    /// Heard again as <see cref="Merge"/> is.
    /// </summary>
    /// <param name="id">What its word is said of.</param>
    /// <exception cref="FaultException">As at <see cref="TakeSnapshot"/>.</exception>
    public abstract Task Pull(string volumeId, string id, CancellationToken stop);

    /// <summary>
    /// Tells servers what has become of a volume of theirs: os-server-external-events
    /// (https://docs.openstack.org/api-ref/compute/#create-external-events-os-server-external-events). May be said again.
    /// </summary>
    /// <param name="well">Whether it ended well.</param>
    /// <exception cref="FaultException">As at <see cref="TakeSnapshot"/>.</exception>
    public abstract Task Tell(ServerEvent what, string volumeId, IReadOnlyList<string> servers, bool well, CancellationToken stop);
}

/// <summary>What may become of a volume that a server has.</summary>
public enum ServerEvent
{
    /// <summary>It is larger, or to be: the server is to make its disk as large as the volume is said to be now.</summary>
    VolumeExtended,
    /// <summary>It holds another image.</summary>
    VolumeReimaged,
}
