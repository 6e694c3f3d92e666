using Clinker.Scheduling;
using Clinker.Server.Configuration;
using Xunit;

namespace Clinker.Tests.Configuration;

public sealed class SchedulerSettingsTests
{
    const string Backend = """
        [DEFAULT]
        volume_driver = directory
        directory_paths = /srv/volumes

        """;

    [Fact]
    public void Every_filter_and_weigher_may_be_named_and_weighed()
    {
        var scheduler = Given.Of(Backend + $"""
            scheduler_default_filters = {string.Join(", ", Filters.All.Keys)}
            scheduler_default_weighers = {string.Join(", ", Weighers.All.Keys)}
            scheduler_weight_handler = cinder.scheduler.weights.stochastic.StochasticHostWeightHandler
            scheduler_max_attempts = 2
            capacity_weight_multiplier = -2
            volume_number_multiplier = 3.5
            """).Scheduler;
        Assert.Equal(9, scheduler.Filters.Count);
        Assert.Equal(5, scheduler.Weighers.Count);
        Assert.Equal(WeightHandler.Stochastic, scheduler.Handler);
        Assert.Equal(2, scheduler.MaxAttempts);
        Assert.Equal((-2, -1, 3.5), (scheduler.Multipliers["CapacityWeigher"], scheduler.Multipliers["AllocatedCapacityWeigher"],
            scheduler.Multipliers["VolumeNumberWeigher"]));
    }

    [Fact]
    public void A_backend_says_what_it_takes_and_how_good_it_is()
    {
        var backend = Assert.Single(Given.Of(Backend + """
            filter_function = volume.size < 10 and stats.total_volumes < 5
            goodness_function = "(volume.size < 5) ? 100 : 50"
            """).Backends);
        Assert.Equal("volume.size < 10 and stats.total_volumes < 5", backend.Capabilities["filter_function"]);
        Assert.Equal("(volume.size < 5) ? 100 : 50", backend.Capabilities["goodness_function"]);
        Assert.Empty(Assert.Single(Given.Of(Backend).Backends).Capabilities);
    }

    [Fact]
    public void What_is_no_expression_stops_the_start()
    {
        var errors = Given.Wrong(Backend + """
            filter_function = volume.size <
            scheduler_weight_handler = OtherHandler
            """);
        Assert.Contains(errors, e => e.Contains("filter_function = volume.size <: it ends where something is missing", StringComparison.Ordinal));
        Assert.Contains(errors, e => e.EndsWith("accepted: OrderedHostWeightHandler, StochasticHostWeightHandler", StringComparison.Ordinal));
    }
}
