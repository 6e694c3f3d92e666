namespace Clinker.Bench;

/// <summary>How much of everything.</summary>
/// <param name="Rounds">Of each figure.</param>
/// <param name="Alone">Volumes made and deleted one by one in a round.</param>
/// <param name="Accepted">Volumes of a round of the accept rate.</param>
/// <param name="Shows">Shows of a round, alone.</param>
/// <param name="RateTime">How long many clients ask together in a round.</param>
/// <param name="Pages">Pages of a round.</param>
/// <param name="Starts">How often the daemon is started.</param>
sealed record Scale(int Rounds, int Alone, int Accepted, int Shows, TimeSpan RateTime, int Pages, int Starts)
{
    public static readonly Scale Full = new(5, 200, 1000, 3000, TimeSpan.FromSeconds(3), 200, 15);
    public static readonly Scale Quick = new(3, 50, 300, 1000, TimeSpan.FromSeconds(1), 50, 7);
}
