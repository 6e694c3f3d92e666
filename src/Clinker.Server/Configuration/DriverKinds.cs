namespace Clinker.Server.Configuration;

/// <summary>The drivers there are.</summary>
enum DriverKind
{
    Gluster,
    Directory,
    Memory,
}

/// <summary>How drivers are named in <c>volume_driver</c>.</summary>
static class DriverKinds
{
    /// <summary>Where the Gluster driver was in Cinder, up to Newton.</summary>
    public const string CinderGluster = "cinder.volume.drivers.glusterfs.GlusterfsDriver";

    public static readonly Kind<DriverKind> Kind = new($"{CinderGluster}, gluster, directory, memory", Read);

    /// <summary>What a backend without <c>volume_backend_name</c> is called; for GlusterFS as the historical driver had it.</summary>
    public static string BackendName(this DriverKind driver) => driver switch
    {
        DriverKind.Gluster => "GlusterFS",
        DriverKind.Directory => "directory",
        _ => "memory",
    };

    static string? Read(string text, out DriverKind value)
    {
        value = text switch
        {
            "directory" or "clinker.directory" => DriverKind.Directory,
            "memory" or "clinker.memory" => DriverKind.Memory,
            _ => DriverKind.Gluster,
        };
        return text is CinderGluster or "gluster" or "clinker.gluster" || value != DriverKind.Gluster ? null
            : text.StartsWith("cinder.volume.drivers.", StringComparison.Ordinal) ? "of Cinder's drivers only that of GlusterFS is here" : "";
    }
}
