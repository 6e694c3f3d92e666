using Clinker.Simulation;
using Xunit;

[assembly: AssemblyFixture(typeof(Runs))]

namespace Clinker.Simulation;

/// <summary>Counts the worlds that were played, and says so at the end.</summary>
public sealed class Runs : IDisposable
{
    static int count;

    internal static void One() => Interlocked.Increment(ref count);

    public void Dispose() => Console.WriteLine($"simulation: {count} runs");
}
