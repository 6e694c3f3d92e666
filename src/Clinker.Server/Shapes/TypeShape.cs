using System.Text.Json.Serialization;
using Clinker.Server.Api;
using Clinker.Types;

namespace Clinker.Server.Shapes;

/// <summary>A volume type (cinder/api/v3/views/types.py).</summary>
abstract record TypeInFull
{
    /// <summary>What everyone may see of the extra specs (cinder/policies/type_extra_specs.py, USER_VISIBLE_EXTRA_SPECS).</summary>
    static readonly string[] Visible = ["RESKEY:availability_zones", "multiattach", "replication_enabled"];

    protected TypeInFull(VolumeType type, bool withAccess, bool sensitive)
    {
        Id = type.Id;
        Name = type.Name;
        IsPublic = type.IsPublic;
        AccessIsPublic = withAccess ? type.IsPublic : null;
        Description = type.Description;
        ExtraSpecs = Shown(type.ExtraSpecs, sensitive);
    }

    public string Id { get; }
    public string Name { get; }
    public bool IsPublic { get; }
    public string? Description { get; }
    public IReadOnlyDictionary<string, string> ExtraSpecs { get; }

    [JsonPropertyName("os-volume-type-access:is_public"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? AccessIsPublic { get; }

    public static IReadOnlyDictionary<string, string> Shown(IReadOnlyDictionary<string, string> specs, bool sensitive) =>
        sensitive ? specs : specs.Where(s => Visible.Contains(s.Key)).ToDictionary();

    public static bool IsVisible(string key) => Visible.Contains(key);
}

/// <summary>A type as it is looked at.</summary>
sealed record TypeShape : TypeInFull, IShape<TypeShape>
{
    public TypeShape(VolumeType type, bool withAccess, bool sensitive) : base(type, withAccess, sensitive) => QosSpecsId = type.QosSpecId;

    public static string One => "volume_type";
    public static string Many => "volume_types";

    [Admin] public string? QosSpecsId { get; }
}

/// <summary>A type as the answer to its creation or change.</summary>
sealed record TypeChanged : TypeInFull, IShape<TypeChanged>
{
    public TypeChanged(VolumeType type, bool withAccess) : base(type, withAccess, sensitive: true)
    {
    }

    public static string One => "volume_type";
    public static string Many => "volume_types";
}

/// <summary>Who may use a private type.</summary>
sealed record TypeAccess(string VolumeTypeId, string ProjectId) : IShape<TypeAccess>
{
    public static string One => "volume_type_access";
    public static string Many => "volume_type_access";
}
