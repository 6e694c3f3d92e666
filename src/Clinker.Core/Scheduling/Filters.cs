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

    public static readonly Filter Json = new("JsonFilter", (pool, request) =>
        request.Hints.Query is { } query ? JsonQuery.WhyNot(pool, query) : null);

    public static readonly Filter SameBackend = new("SameBackendFilter", (pool, request) => request.Hints.SameHost switch
    {
        null => "same_host is to be the id of a volume, or a list of them",
        [] => null,
        var beside when beside.Any(id => request.Neighbours.GetValueOrDefault(id) == pool.Name) => null,
        _ => "none of the volumes of same_host lies in it",
    });

    public static readonly Filter DifferentBackend = new("DifferentBackendFilter", (pool, request) => request.Hints.DifferentHost switch
    {
        null => "different_host is to be the id of a volume, or a list of them",
        var away when away.FirstOrDefault(id => request.Neighbours.GetValueOrDefault(id) == pool.Name) is { } id =>
            $"volume {id} of different_host lies in it",
        _ => null,
    });

    public static readonly Filter InstanceLocality = new("InstanceLocalityFilter", (pool, request) => request.Hints.LocalToInstance switch
    {
        null => null,
        var id when !Guid.TryParse(id, out _) => "local_to_instance is to be the id of a server",
        var id => $"nobody can say where server {id} runs: no compute service is configured",
    });

    public static readonly Filter Driver = new("DriverFilter", (pool, request) =>
    {
        if (!pool.Capabilities.TryGetValue(FilterFunction, out var function)) return null;
        try
        {
            var says = Expression.Parse(function).Evaluate((scope, name) => Facts.Of(pool, request, scope, name));
            return Values.IsTrue(says) ? null : $"its {FilterFunction} says no";
        }
        catch (FormatException e)
        {
            return $"its {FilterFunction} has no value: {e.Message}";
        }
    });

    public static readonly Filter IgnoreAttemptedHosts = new("IgnoreAttemptedHostsFilter",
        (pool, request) => request.Not.GetValueOrDefault(pool.Name));

    /// <summary>The capability that holds a backend's own condition.</summary>
    public const string FilterFunction = "filter_function";

    public static readonly IReadOnlyDictionary<string, Filter> All =
        new[] { AvailabilityZone, Capacity, Capabilities, Json, SameBackend, DifferentBackend, InstanceLocality, Driver, IgnoreAttemptedHosts }
            .ToDictionary(f => f.Name);

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
