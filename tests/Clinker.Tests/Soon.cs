using System.Diagnostics;
using Xunit;

namespace Clinker.Tests;

/// <summary>Waits for what other threads do, of which a clock that tests turn knows nothing.</summary>
static class Soon
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static Task Until(Func<bool> so) => Until(() => Task.FromResult(so()));

    public static async Task Until(Func<Task<bool>> so)
    {
        for (var waited = Stopwatch.StartNew(); !await so(); await Task.Delay(2)) Assert.True(waited.Elapsed < Patience, "it did not come to that");
    }
}
