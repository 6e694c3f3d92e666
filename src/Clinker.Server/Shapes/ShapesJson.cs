using System.Text.Json.Serialization;
using Clinker.Server.Api;

namespace Clinker.Server.Shapes;

/// <summary>How shapes are written: names in snake case, times as Cinder writes them.</summary>
[JsonSourceGenerationOptions(
    GenerationMode = JsonSourceGenerationMode.Metadata,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    Converters = [typeof(TimeConverter)])]
[JsonSerializable(typeof(VolumeShape))]
[JsonSerializable(typeof(VolumeDetail))]
[JsonSerializable(typeof(VolumeBrief))]
[JsonSerializable(typeof(VolumeSummary))]
[JsonSerializable(typeof(AttachmentShape))]
[JsonSerializable(typeof(AttachmentBrief))]
[JsonSerializable(typeof(SnapshotShape))]
[JsonSerializable(typeof(SnapshotDetail))]
[JsonSerializable(typeof(SnapshotBrief))]
[JsonSerializable(typeof(TypeShape))]
[JsonSerializable(typeof(TypeChanged))]
[JsonSerializable(typeof(TypeAccess))]
[JsonSerializable(typeof(QosShape))]
[JsonSerializable(typeof(QosAssociation))]
[JsonSerializable(typeof(EncryptionShape))]
[JsonSerializable(typeof(EncryptionChanged))]
[JsonSerializable(typeof(EncryptionMade))]
[JsonSerializable(typeof(DefaultTypeShape))]
[JsonSerializable(typeof(GroupTypeShape))]
[JsonSerializable(typeof(Links))]
[JsonSerializable(typeof(ServiceShape))]
[JsonSerializable(typeof(VolumeServiceShape))]
[JsonSerializable(typeof(ServiceSwitched))]
[JsonSerializable(typeof(TransferShape))]
[JsonSerializable(typeof(TransferCreated))]
[JsonSerializable(typeof(TransferBrief))]
[JsonSerializable(typeof(HostShape))]
[JsonSerializable(typeof(HostUseShape))]
[JsonSerializable(typeof(LogLevelsShape))]
[JsonSerializable(typeof(CleanedService))]
[JsonSerializable(typeof(MessageShape))]
[JsonSerializable(typeof(OperationShape))]
[JsonSerializable(typeof(OperationDetail))]
[JsonSerializable(typeof(ZoneShape))]
[JsonSerializable(typeof(ExtensionShape))]
[JsonSerializable(typeof(ResourceFilterShape))]
sealed partial class ShapesJson : JsonSerializerContext;
