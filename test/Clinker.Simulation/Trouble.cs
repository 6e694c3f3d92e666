namespace Clinker.Simulation;

/// <summary>What happens at a point.</summary>
public enum Trouble
{
    /// <summary>The process ends, as by SIGKILL.</summary>
    Cut,
    /// <summary>A fault that passes.</summary>
    Away,
    /// <summary>A fault that lasts (storage), or a commit of which nobody knows whether it happened (database).</summary>
    Failure,
    /// <summary>An exception that nobody foresaw.</summary>
    Bug,
    /// <summary>From here on no pool answers, until the world is asked to mend them.</summary>
    Down,
}

/// <summary>The end of a daemon.</summary>
sealed class Cut : Exception;
