namespace Clinker.Operations;

/// <summary>Where operations wait. A backend's queue is its <c>host@backend</c>.</summary>
public static class Queues
{
    public const string Scheduler = "scheduler";
}
