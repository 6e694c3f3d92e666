namespace Clinker.Contracts.Store;

/// <summary>
/// The system's clock, set forward or back. PostgreSQL hosts measure their clock against the server's when they open it: what is
/// shifted before that is a wrong clock, what is shifted after it is time that passes.
/// </summary>
public sealed class ShiftedClock(TimeSpan shift = default) : TimeProvider
{
    public TimeSpan Shift { get; set; } = shift;

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Shift;
}
