using System.Globalization;

namespace Clinker.Scheduling;

/// <summary>The filters by Cinder's names (cinder/scheduler/filters).</summary>
public static class Filters
{
    /// <summary>Specs that others read: not capabilities of a pool.</summary>
    static readonly HashSet<string> Own = ["cacheable"];

    public static readonly Filter AvailabilityZone = new("AvailabilityZoneFilter", (pool, request) =>
        request.Zone is null || request.Zone == pool.Zone ? null : $"it is in zone {pool.Zone}, wanted is {request.Zone}");

    public static readonly Filter Capacity = new("CapacityFilter", WhyNoRoom);

    public static readonly Filter Capabilities = new("CapabilitiesFilter", (pool, request) =>
    {
        foreach (var (key, wanted) in request.Specs)
        {
            var name = key;
            if (key.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon)
            {
                if (key[..colon] != "capabilities") continue; // another scope: not for the scheduler
                name = key[(colon + 1)..];
            }
            if (Own.Contains(name)) continue;
            if (!pool.Capabilities.TryGetValue(name, out var has)) return $"it has no {name}";
            if (!SpecMatch.Matches(has, wanted)) return $"its {name} is {has}, wanted is {wanted}";
        }
        return null;
    });

    public static readonly IReadOnlyDictionary<string, Filter> All =
        new[] { AvailabilityZone, Capacity, Capabilities }.ToDictionary(f => f.Name);

    public static readonly IReadOnlyList<Filter> Default = [AvailabilityZone, Capacity, Capabilities];

    /// <summary>
    /// Thin: the ratio bounds the sum of sizes against the room that is not reserved; thick: what is free, less what was placed
    /// since it was measured.
    /// </summary>
    static string? WhyNoRoom(Pool pool, PlaceRequest request)
    {
        if (request.SizeGb == 0) return null;
        if (pool.TotalGb <= 0) return "its size is not known";
        var room = pool.TotalGb - Math.Floor(pool.TotalGb * pool.ReservedPercentage / 100.0);
        var thin = pool.Thin && request.Specs.GetValueOrDefault("provisioning:type") != "thick";
        if (thin)
        {
            if (pool.MaxOverSubscriptionRatio < 1) return $"max_over_subscription_ratio is {Number(pool.MaxOverSubscriptionRatio)}, below 1";
            var most = room * pool.MaxOverSubscriptionRatio;
            return pool.AllocatedGb + request.SizeGb <= most
                ? null
                : $"{request.SizeGb} GiB wanted, {Number(Math.Max(0, most - pool.AllocatedGb))} GiB left of {Number(most)} GiB (thin)";
        }
        var free = Math.Min(pool.FreeGb - pool.ReservedSinceGb - (pool.TotalGb - room), room - pool.AllocatedGb);
        return request.SizeGb <= free ? null : $"{request.SizeGb} GiB wanted, {Number(Math.Max(0, free))} GiB free";
    }

    static string Number(double gb) => gb.ToString("0.##", CultureInfo.InvariantCulture);
}

/// <summary>The weighers by Cinder's names (cinder/scheduler/weights).</summary>
public static class Weighers
{
    /// <summary>Each takes its multiplier.</summary>
    public static readonly IReadOnlyDictionary<string, Func<double, Weigher>> All =
        new Dictionary<string, Func<double, Weigher>> { ["CapacityWeigher"] = m => Capacity(m) };

    /// <summary>More room first: virtual room for thin pools, free room for thick ones.</summary>
    public static Weigher Capacity(double multiplier = 1.0) => new("CapacityWeigher", (pool, request) =>
    {
        var room = pool.TotalGb - Math.Floor(pool.TotalGb * pool.ReservedPercentage / 100.0);
        return pool.Thin && request.Specs.GetValueOrDefault("provisioning:type") != "thick"
            ? room * pool.MaxOverSubscriptionRatio - pool.AllocatedGb
            : Math.Min(pool.FreeGb - pool.ReservedSinceGb, room - pool.AllocatedGb);
    }, multiplier);
}
