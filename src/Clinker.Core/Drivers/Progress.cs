namespace Clinker.Drivers;

/// <summary>
/// How far the work of an act is, told by whoever moves the data: bytes done of bytes in all. Holes are not counted where it is known without
/// reading what they are; what that leaves out or counts too much is put right at the end. Costs nothing: who listens must hold up nobody.
/// </summary>
/// <param name="changed">Told after each change.</param>
public sealed class Progress(Action? changed = null)
{
    long done, total;

    /// <summary>Null: nothing was said yet.</summary>
    public (long Done, long Total)? Now => Volatile.Read(ref total) is > 0 and var all ? (Math.Min(Volatile.Read(ref done), all), all) : null;

    /// <summary>From here on it is this work, from its beginning.</summary>
    public void Begin(long bytes)
    {
        Volatile.Write(ref done, 0);
        Volatile.Write(ref total, bytes);
        changed?.Invoke();
    }

    /// <summary>More is to be done than what was said before.</summary>
    public void More(long bytes)
    {
        Interlocked.Add(ref total, bytes);
        changed?.Invoke();
    }

    public void Did(long bytes)
    {
        Interlocked.Add(ref done, bytes);
        changed?.Invoke();
    }

    /// <summary>All that was said is done.</summary>
    public void Whole()
    {
        Volatile.Write(ref done, Volatile.Read(ref total));
        changed?.Invoke();
    }
}
