using System.Text.Json.Serialization;
using Clinker.Groups;
using Clinker.Server.Api;
using Clinker.Types;

namespace Clinker.Server.Shapes;

/// <summary>A QoS spec (cinder/api/views/qos_specs.py).</summary>
sealed record QosShape(string Id, string Name, string Consumer, IReadOnlyDictionary<string, string> Specs) : IShape<QosShape>
{
    public static string One => "qos_specs";
    public static string Many => "qos_specs";

    public static QosShape Of(QosSpec spec) => new(spec.Id, spec.Name, spec.Consumer, spec.Specs);
}

/// <summary>What has a QoS spec.</summary>
sealed record QosAssociation(string AssociationType, string Name, string Id) : IShape<QosAssociation>
{
    public static string One => "qos_association";
    public static string Many => "qos_associations";
}

/// <summary>A type's encryption, in full and without a key around it.</summary>
sealed record EncryptionShape
{
    /// <summary>The names on the wire.</summary>
    public static readonly IReadOnlyList<string> Members =
    [
        "volume_type_id", "control_location", "encryption_id", "key_size", "provider", "cipher", "created_at", "updated_at",
        "deleted_at", "deleted",
    ];

    public EncryptionShape(TypeEncryption e)
    {
        VolumeTypeId = e.VolumeTypeId;
        ControlLocation = e.ControlLocation;
        EncryptionId = e.Id;
        KeySize = e.KeySize;
        Provider = e.Provider;
        Cipher = e.Cipher;
        CreatedAt = e.CreatedAt;
        UpdatedAt = e.UpdatedAt;
    }

    public string VolumeTypeId { get; }
    public string ControlLocation { get; }
    public string EncryptionId { get; }
    public int? KeySize { get; }
    public string Provider { get; }
    public string? Cipher { get; }
    public DateTime CreatedAt { get; }
    public DateTime? UpdatedAt { get; }
    public DateTime? DeletedAt { get; }
    public bool Deleted { get; }
}

/// <summary>The answer to a change of a type's encryption.</summary>
sealed record EncryptionChanged(int? KeySize, string Provider, string ControlLocation, string? Cipher) : IShape<EncryptionChanged>
{
    public EncryptionChanged(TypeEncryption e) : this(e.KeySize, e.Provider, e.ControlLocation, e.Cipher)
    {
    }

    public static string One => "encryption";
    public static string Many => "encryptions";
}

/// <summary>The answer to its creation.</summary>
sealed record EncryptionMade(
    string VolumeTypeId, string ControlLocation, string EncryptionId, int? KeySize, string Provider, string? Cipher) : IShape<EncryptionMade>
{
    public EncryptionMade(TypeEncryption e) : this(e.VolumeTypeId, e.ControlLocation, e.Id, e.KeySize, e.Provider, e.Cipher)
    {
    }

    public static string One => "encryption";
    public static string Many => "encryptions";
}

/// <summary>A project's default type.</summary>
sealed record DefaultTypeShape(string ProjectId, string VolumeTypeId) : IShape<DefaultTypeShape>
{
    public static string One => "default_type";
    public static string Many => "default_types";
}

/// <summary>A group type (cinder/api/v3/views/group_types.py).</summary>
sealed record GroupTypeShape : IShape<GroupTypeShape>
{
    public GroupTypeShape(GroupType type, bool withSpecs)
    {
        Id = type.Id;
        Name = type.Name;
        Description = type.Description;
        IsPublic = type.IsPublic;
        GroupSpecs = withSpecs ? type.Specs : null;
    }

    public static string One => "group_type";
    public static string Many => "group_types";

    public string Id { get; }
    public string Name { get; }
    public string? Description { get; }
    public bool IsPublic { get; }
    /// <summary>Only for those who may see them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public IReadOnlyDictionary<string, string>? GroupSpecs { get; }
}
