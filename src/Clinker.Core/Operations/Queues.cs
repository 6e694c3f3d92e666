namespace Clinker.Operations;

/// <summary>Where operations wait. A backend's queue is its <c>host@backend</c>.</summary>
public static class Queues
{
    public const string Scheduler = "scheduler";

    /// <summary>Of what is done where backups are kept, whichever backend their volumes lie on.</summary>
    public const string Backup = "backup";
}
