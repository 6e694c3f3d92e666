using System.Globalization;

namespace Clinker.Scheduling;

/// <summary>What is known of a pool by the names that Cinder has for it (cinder/scheduler/host_manager.py, BackendState).</summary>
static class Facts
{
    /// <summary>What the two little languages may ask, as <c>name</c> or <c>capabilities.name</c>; null when it is not known.</summary>
    public static object? Of(Pool pool, string path)
    {
        var text = path.StartsWith("capabilities.", StringComparison.Ordinal) ? Capability(pool, path["capabilities.".Length..]) : Stat(pool, path);
        return text is null ? null : Values.Of(text);
    }

    /// <summary>What a function in a backend's section may ask.</summary>
    public static string? Of(Pool pool, PlaceRequest request, string scope, string name) => scope switch
    {
        "stats" => Stat(pool, name),
        "capabilities" => Capability(pool, name),
        "volume" => name == "size" ? Text(request.SizeGb) : request.Volume.GetValueOrDefault(name),
        "extra" => request.Specs.GetValueOrDefault(name),
        "qos" => request.Qos.GetValueOrDefault(name),
        _ => null,
    };

    static string? Capability(Pool pool, string name) => pool.Capabilities.GetValueOrDefault(name) ?? Stat(pool, name);

    static string? Stat(Pool pool, string name) => name switch
    {
        "host" or "backend_id" => pool.Name,
        "total_capacity_gb" => Text(pool.TotalGb),
        "free_capacity_gb" => Text(pool.FreeGb),
        "allocated_capacity_gb" or "provisioned_capacity_gb" => Text(pool.AllocatedGb),
        "max_over_subscription_ratio" => Text(pool.MaxOverSubscriptionRatio),
        "reserved_percentage" => Text(pool.ReservedPercentage),
        "total_volumes" => Text(pool.Volumes),
        "availability_zone" => pool.Zone,
        "thin_provisioning_support" => pool.Thin ? "True" : "False",
        "thick_provisioning_support" => pool.Thin ? "False" : "True",
        "updated" => pool.ReportedAt.ToString("s", CultureInfo.InvariantCulture),
        "QoS_support" => pool.Capabilities.GetValueOrDefault(name, "False"),
        "volume_backend_name" or "vendor_name" or "driver_version" or "storage_protocol" or "multiattach" => pool.Capabilities.GetValueOrDefault(name),
        _ => null,
    };

    static string Text(double number) => number.ToString("R", CultureInfo.InvariantCulture);
}
