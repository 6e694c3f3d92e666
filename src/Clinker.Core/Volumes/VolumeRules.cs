using static Clinker.Volumes.VolumeStatus;

namespace Clinker.Volumes;

/// <summary>From which status something may be done to a volume, and what it shows meanwhile.</summary>
/// <param name="Verb">As the user knows it.</param>
/// <param name="From">Statuses that allow it; null for any.</param>
/// <param name="Via">The status while it runs.</param>
/// <param name="Refusal">Cinder's words when it is refused.</param>
public sealed record Rule(string Verb, IReadOnlyList<string>? From, string Via, string Refusal);

/// <summary>What may be done to a volume in which status (Cinder: cinder/volume/api.py).</summary>
public static class VolumeRules
{
    /// <summary>Cinder: API.delete. Also refused: attached, migrating, in a group, with snapshots, held by an operation.</summary>
    public static readonly Rule Delete = new("delete", [Available, Error, ErrorRestoring, ErrorExtending, ErrorManaging], Deleting,
        "Invalid volume: Volume status must be available or error or error_restoring or error_extending or error_managing and must "
        + "not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from snapshots "
        + "after volume transfer.");

    /// <summary>Cinder: API.delete with force. Any status, but not attached.</summary>
    public static readonly Rule ForceDelete = Delete with { Verb = "force delete", From = null };

    /// <summary>Cinder: API.update, API.update_volume_metadata.</summary>
    public static bool MayUpdate(string status) => status != Maintenance;

    /// <inheritdoc cref="MayUpdate"/>
    public static bool MayChangeMetadata(string status) => status is not (Maintenance or Uploading);
}
