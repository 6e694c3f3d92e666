using System.Text;

namespace Clinker.Scheduling;

/// <summary>The weighers by Cinder's names (cinder/scheduler/weights).</summary>
public static class Weighers
{
    /// <summary>The capability that holds how good a backend says that it is.</summary>
    public const string GoodnessFunction = "goodness_function";

    /// <summary>Each takes its multiplier.</summary>
    public static readonly IReadOnlyDictionary<string, Func<double, Weigher>> All = new Dictionary<string, Func<double, Weigher>>
    {
        ["CapacityWeigher"] = m => Capacity(m),
        ["AllocatedCapacityWeigher"] = m => new("AllocatedCapacityWeigher", (pool, _) => pool.AllocatedGb, m),
        ["VolumeNumberWeigher"] = m => new("VolumeNumberWeigher", (pool, _) => pool.Volumes, m),
        ["GoodnessWeigher"] = m => new("GoodnessWeigher", Goodness, m),
        ["ChanceWeigher"] = m => new("ChanceWeigher", (pool, request) => Lot($"{request.VolumeId} {pool.Name}"), m),
    };

    /// <summary>More room first: virtual room for thin pools, free room for thick ones.</summary>
    public static Weigher Capacity(double multiplier = 1.0) => new("CapacityWeigher", (pool, request) =>
    {
        var room = pool.TotalGb - Math.Floor(pool.TotalGb * pool.ReservedPercentage / 100.0);
        return pool.Thin && request.Specs.GetValueOrDefault("provisioning:type") != "thick"
            ? room * pool.MaxOverSubscriptionRatio - pool.AllocatedGb
            : Math.Min(pool.FreeGb - pool.ReservedSinceGb, room - pool.AllocatedGb);
    }, multiplier);

    /// <summary>What a text draws: 0 to 1, the same for the same text, so that choosing anew comes to the same.</summary>
    public static double Lot(string text)
    {
        var hash = System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(text));
        return (BitConverter.ToUInt64(hash) >> 11) * (1.0 / (1UL << 53));
    }

    /// <summary>0 to 100; 100 for true. 0 for what has no function, or one whose value is out of that range or none.</summary>
    static double Goodness(Pool pool, PlaceRequest request)
    {
        if (!pool.Capabilities.TryGetValue(GoodnessFunction, out var function)) return 0;
        try
        {
            return Expression.Parse(function).Evaluate((scope, name) => Facts.Of(pool, request, scope, name)) switch
            {
                true => 100,
                double and >= 0 and <= 100 and var good => good,
                _ => 0,
            };
        }
        catch (FormatException)
        {
            return 0;
        }
    }
}
