namespace Clinker.Scheduling;

/// <summary>
/// Chooses a pool: filters say why not, weighers say how good. Pure: the same pools and request give the same choice.
/// </summary>
public static class Scheduler
{
    /// <param name="filters">In order; the first that objects is the reason.</param>
    /// <param name="weighers">Each is scaled to 0…1 over the pools that are left (Cinder: min-max), times its multiplier, and summed.</param>
    /// <param name="handler">What becomes of the sums.</param>
    public static Placement Place(IReadOnlyList<Pool> pools, PlaceRequest request, IReadOnlyList<Filter> filters,
        IReadOnlyList<Weigher> weighers, WeightHandler handler = WeightHandler.Ordered)
    {
        var against = new List<(string, string)>();
        var left = new List<Pool>();
        foreach (var pool in pools)
        {
            var why = pool.ServiceDown ?? pool.Down;
            if (request.Backend is { } only && PoolName.Parse(pool.Name).Queue != only) why = $"the source lies on {only}";
            if (request.Asked is { } asked && pool.Name != asked && PoolName.Parse(pool.Name).Queue != asked) why = $"asked for is {asked}";
            why ??= Filters.IgnoreAttemptedHosts.WhyNot(pool, request); // also where it is not configured
            if (why is null)
                foreach (var filter in filters)
                    if ((why = filter.WhyNot(pool, request)) is not null) { why = $"{filter.Name}: {why}"; break; }
            if (why is null) left.Add(pool);
            else against.Add((pool.Name, why));
        }
        if (left.Count == 0) return new(null, against);
        if (left.Find(p => p.Name == request.Near && p.HasThinClones) is { } near)
            return new(near, [.. against, .. left.Where(p => p != near).Select(p => (p.Name, $"the source lies in {near.Name}"))]);

        var sums = new double[left.Count];
        if (handler == WeightHandler.Stochastic)
        {
            foreach (var weigher in weighers)
                for (var i = 0; i < sums.Length; i++) sums[i] += weigher.Multiplier * weigher.Weigh(left[i], request);
            var drawn = Draw(sums, Weighers.Lot(request.VolumeId));
            return new(left[drawn], [.. against, .. left.Where((_, i) => i != drawn).Select(p => (p.Name, "the lot fell on another one"))]);
        }
        foreach (var weigher in weighers)
        {
            var weights = left.ConvertAll(p => weigher.Weigh(p, request));
            var (low, high) = (weights.Min(), weights.Max());
            if (high > low)
                for (var i = 0; i < sums.Length; i++) sums[i] += weigher.Multiplier * (weights[i] - low) / (high - low);
        }
        var best = 0;
        for (var i = 1; i < sums.Length; i++)
            if (sums[i] > sums[best] || (sums[i] == sums[best] && string.CompareOrdinal(left[i].Name, left[best].Name) < 0)) best = i;
        for (var i = 0; i < left.Count; i++)
            if (i != best) against.Add((left[i].Name, $"weighed {sums[i]:0.###}, the chosen one {sums[best]:0.###}"));
        return new(left[best], against);
    }

    /// <summary>
    /// Each has as much of a chance as it weighs (cinder/scheduler/weights/stochastic.py); what weighs less than nothing has none,
    /// and where nothing weighs anything all are alike.
    /// </summary>
    static int Draw(double[] weights, double lot)
    {
        var chances = weights.Select(w => Math.Max(0, w)).ToArray();
        if (chances.Sum() is not (> 0 and < double.PositiveInfinity)) Array.Fill(chances, 1.0);
        var left = lot * chances.Sum();
        for (var i = 0; i < chances.Length; i++)
            if ((left -= chances[i]) < 0) return i;
        return Array.FindLastIndex(chances, c => c > 0); // the last one, should rounding have left something
    }
}

/// <summary>A named reason against a pool, or null.</summary>
public sealed record Filter(string Name, Func<Pool, PlaceRequest, string?> WhyNot);

/// <summary>A named number for how good a pool is; more is better.</summary>
public sealed record Weigher(string Name, Func<Pool, PlaceRequest, double> Weigh, double Multiplier = 1.0);

/// <summary>How the pool is found by what the pools weigh.</summary>
public enum WeightHandler
{
    /// <summary>The one that weighs most.</summary>
    Ordered,
    /// <summary>By lot.</summary>
    Stochastic,
}

/// <summary>How this deployment schedules.</summary>
/// <param name="ServiceDownTime">A service without a heartbeat for longer is down (Cinder: service_down_time).</param>
public sealed record SchedulingSettings(IReadOnlyList<Filter> Filters, IReadOnlyList<Weigher> Weighers, TimeSpan ServiceDownTime)
{
    public WeightHandler Handler { get; init; }

    /// <summary>In how many pools making a volume is tried (Cinder: scheduler_max_attempts).</summary>
    public int MaxAttempts { get; init; } = 3;

    /// <summary>As Cinder comes.</summary>
    public static readonly SchedulingSettings Default =
        new(Scheduling.Filters.Default, [Scheduling.Weighers.Capacity()], TimeSpan.FromSeconds(60));
}
