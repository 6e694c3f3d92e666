using Clinker.Live;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(LongestFirst))]

namespace Clinker.Live;

/// <summary>What runs one after the other for the longest time begins first: begun last, it would run alone at the end.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    public IReadOnlyCollection<T> OrderTestCollections<T>(IReadOnlyCollection<T> testCollections) where T : ITestCollection =>
        [.. testCollections.OrderBy(c => c.TestCollectionDisplayName != "GlusterFS").ThenBy(c => !c.TestCollectionDisplayName.Contains(nameof(Hangs), StringComparison.Ordinal))];
}
