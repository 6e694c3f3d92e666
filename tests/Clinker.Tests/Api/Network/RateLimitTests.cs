using Clinker.Server.Api.Network;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Clinker.Tests.Api.Network;

/// <summary>So many a second, and no more than that at once.</summary>
public sealed class RateLimitTests
{
    readonly FakeTimeProvider time = new();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(1000)]
    public void A_second_of_quiet_gives_a_seconds_worth(int perSecond)
    {
        var limit = new RateLimit<string>(perSecond, time);
        for (var round = 0; round < 3; round++)
        {
            Assert.Equal((perSecond, TimeSpan.Zero), limit.Left("a"));
            for (var i = 0; i < perSecond; i++) Assert.Equal(TimeSpan.Zero, limit.Take("a"));
            Assert.InRange(limit.Take("a"), TimeSpan.FromTicks(1), TimeSpan.FromSeconds(1));
            Assert.Equal(0, limit.Left("a").Now);
            Assert.Equal(TimeSpan.Zero, limit.Take($"other {round}")); // nobody else is meant
            time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    [Fact]
    public void In_the_long_run_it_is_the_rate()
    {
        var limit = new RateLimit<string>(10, time);
        var taken = 0;
        for (var i = 0; i < 10_000; i++) // ten seconds, a thousand requests in each
        {
            if (limit.Take("a") == TimeSpan.Zero) taken++;
            time.Advance(TimeSpan.FromMilliseconds(1));
        }
        Assert.InRange(taken, 105, 110);
    }

    [Fact]
    public void Who_waits_as_long_as_he_is_told_may()
    {
        var limit = new RateLimit<string>(3, time);
        for (var i = 0; i < 50; i++)
            if (limit.Take("a") is var wait && wait > TimeSpan.Zero)
            {
                Assert.Equal(wait, limit.Left("a").Next);
                time.Advance(wait);
                Assert.Equal(TimeSpan.Zero, limit.Take("a"));
            }
    }

    [Fact]
    public void Memory_has_a_bound_however_many_call()
    {
        var limit = new RateLimit<int>(1, time);
        for (var i = 0; i < 5 * RateLimit<int>.Most; i++)
        {
            Assert.Equal(TimeSpan.Zero, limit.Take(i));
            if (i % 1000 == 0) time.Advance(TimeSpan.FromMilliseconds(1));
        }
        Assert.InRange(limit.Count, 1, RateLimit<int>.Most);
    }

    [Fact]
    public void Who_is_over_the_limit_is_not_forgotten_for_those_who_were_long_ago()
    {
        var limit = new RateLimit<int>(1, time);
        for (var i = 0; i < RateLimit<int>.Most - 1; i++) limit.Take(i);
        time.Advance(TimeSpan.FromSeconds(2));
        limit.Take(-1);
        Assert.Equal(TimeSpan.Zero, limit.Take(-2)); // here the long ago ones are forgotten
        Assert.Equal(2, limit.Count);
        Assert.NotEqual(TimeSpan.Zero, limit.Take(-1));
    }
}
