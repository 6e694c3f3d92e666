using System.Text.Json.Serialization;
using Clinker.Attachments;
using Clinker.Backups;
using Clinker.Drivers;
using Clinker.Groups;
using Clinker.Managing;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;

namespace Clinker;

/// <summary>How journals and arguments are written. A format: old journals are read by new code.</summary>
[JsonSerializable(typeof(Fault))]
[JsonSerializable(typeof(bool))]
[JsonSerializable(typeof(long))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(VolumeOnDisk))]
[JsonSerializable(typeof(Merge))]
[JsonSerializable(typeof(CreateVolume))]
[JsonSerializable(typeof(DeleteVolume))]
[JsonSerializable(typeof(ConnectVolume))]
[JsonSerializable(typeof(DetachVolume))]
[JsonSerializable(typeof(ConnectTurn))]
[JsonSerializable(typeof(Connector))]
[JsonSerializable(typeof(ConnectionInfo))]
[JsonSerializable(typeof(ExtendVolume))]
[JsonSerializable(typeof(RevertVolume))]
[JsonSerializable(typeof(FlattenVolume))]
[JsonSerializable(typeof(TidyVolume))]
[JsonSerializable(typeof(MigrateVolume))]
[JsonSerializable(typeof(RetypeVolume))]
[JsonSerializable(typeof(DeleteLeftFile))]
[JsonSerializable(typeof(DeleteLeftImage))]
[JsonSerializable(typeof(UploadVolume))]
[JsonSerializable(typeof(ReimageVolume))]
[JsonSerializable(typeof(ManageVolume))]
[JsonSerializable(typeof(ManageSnapshot))]
[JsonSerializable(typeof(ListManageable))]
[JsonSerializable(typeof(ExistingFile))]
[JsonSerializable(typeof(IReadOnlyList<Manageable>))]
[JsonSerializable(typeof(CheckShare))]
[JsonSerializable(typeof(IReadOnlyList<Finding>))]
[JsonSerializable(typeof(CreateSnapshot))]
[JsonSerializable(typeof(IReadOnlyList<Renewed>))]
[JsonSerializable(typeof(DeleteSnapshot))]
[JsonSerializable(typeof(CreateGroup))]
[JsonSerializable(typeof(DeleteGroup))]
[JsonSerializable(typeof(CreateGroupSnapshot))]
[JsonSerializable(typeof(DeleteGroupSnapshot))]
[JsonSerializable(typeof(CreateBackup))]
[JsonSerializable(typeof(RestoreBackup))]
[JsonSerializable(typeof(DeleteBackup))]
[JsonSerializable(typeof(ImportBackup))]
[JsonSerializable(typeof(Saved))]
[JsonSerializable(typeof(FoundBackup))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, string>))]
public sealed partial class CoreJson : JsonSerializerContext
{
    /// <summary>Every kind of operation there is.</summary>
    public static OperationKinds Kinds => field ??= new(
        Default.CreateVolume, Default.DeleteVolume, Default.ExtendVolume, Default.RevertVolume, Default.FlattenVolume, Default.TidyVolume, Default.MigrateVolume, Default.RetypeVolume,
        Default.DeleteLeftFile, Default.UploadVolume, Default.DeleteLeftImage, Default.ReimageVolume,
        Default.CreateSnapshot, Default.DeleteSnapshot, Default.ConnectVolume, Default.DetachVolume,
        Default.CreateGroup, Default.DeleteGroup, Default.CreateGroupSnapshot, Default.DeleteGroupSnapshot,
        Default.ManageVolume, Default.ManageSnapshot, Default.ListManageable, Default.CheckShare,
        Default.CreateBackup, Default.RestoreBackup, Default.DeleteBackup, Default.ImportBackup);
}
