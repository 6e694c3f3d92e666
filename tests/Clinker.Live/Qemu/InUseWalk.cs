using System.Diagnostics;
using Xunit;

namespace Clinker.Live.Qemu;

/// <summary>
/// Random walks of volumes that virtual machines have in a real QEMU, with SIGKILL of the daemon and of QEMU in the midst of what is under way, and a
/// Nova that does not always help. What a guest relies on is there, each snapshot is what the disk was at one moment, and at the end no file is left.
/// SEED and STEPS make another walk, or a longer one; with an odd one volumes are images from the beginning.
/// </summary>
public sealed class InUseWalk(ITestOutputHelper output)
{
    const int MostVolumes = 4, MostRunning = 2, MostSnapshots = 4, MaxGb = 2, CheckEvery = 4;
    static readonly int Seed = Walks.Number("SEED", 1), Steps = Walks.Number("STEPS", 12);

    readonly Random random = new(Seed);
    readonly Dictionary<string, int> acts = [];
    UsedVolumes all = null!;

    [Fact]
    public async Task No_byte_is_lost_and_no_file_left()
    {
        var qcow2 = Seed % 2 == 1;
        await using var up = all = await UsedVolumes.Up(qcow2);
        var clock = Stopwatch.StartNew();
        try
        {
            await all.Start(await all.Create());
            for (var step = 1; step <= Steps; step++)
            {
                await all.Written(random.Next(5, 40));
                all.KilledAfter = random.Next(2) == 0 ? () => random.Next(random.Next(2) == 0 ? 60 : 400) : null;
                await Step();
                foreach (var down in all.Volumes.Where(v => v.By is { IsDown: true })) // more often than not it is started soon
                    if (random.Next(4) > 0) await all.Restart(down);
                if (step % CheckEvery == 0) await all.Check();
                if (step % 50 == 0) await Console.Error.WriteLineAsync($"in use (seed {Seed}): {step} of {Steps} steps, {all.Kills} kills, {clock.Elapsed.TotalSeconds:0} s");
            }
            await all.End();
        }
        catch (Exception e)
        {
            throw new Xunit.Sdk.XunitException($"SEED={Seed} STEPS={Steps}, qcow2 {qcow2}: {e}\n{all.Story()}");
        }
        output.WriteLine($"seed {Seed}, qcow2 {qcow2}: {Steps} steps in {clock.Elapsed.TotalSeconds:0} s, {all.Kills} kills; "
            + string.Join(", ", acts.OrderBy(a => a.Key).Select(a => $"{a.Key} {a.Value}")));
    }

    T Pick<T>(IReadOnlyList<T> list) => list[random.Next(list.Count)];

    async Task Step()
    {
        if (all.Volumes.Count == 0 || all.Volumes.TrueForAll(v => v.By is null))
        {
            await Did("start", () => all.Volumes.Count == 0 ? all.Create() : all.Start(Pick(all.Volumes)));
            return;
        }
        var one = Pick(all.Volumes);
        if (one.By is null && all.Volumes.Count(v => v.By is not null) < MostRunning && random.Next(2) == 0)
        {
            await Did("start", () => all.Start(one));
            return;
        }
        all.Host.Next = one.By is null || random.Next(3) > 0 ? Whim.Helps : Pick([Whim.SaysNo, Whim.Fails, Whim.Lies, Whim.Dies]);
        var whim = all.Host.Next;
        all.Host.Speed = random.Next(2) == 0 ? 0 : 8 << 20;
        switch (random.Next(20))
        {
            case < 7 when one.Snapshots.Count < MostSnapshots: await Did($"take, {whim}", () => all.Take(one)); break;
            case < 12 when one.Snapshots.Count > 0: await Did($"delete snapshot, {whim}", () => all.Delete(one, Pick(one.Snapshots))); break;
            case < 13: await Did($"back up, {whim}", () => all.BackUp(one)); break;
            case < 16 when one.Snapshots.Count > 0 && all.Volumes.Count < MostVolumes: await Did("clone", () => all.Clone(one, Pick(one.Snapshots))); break;
            case < 17 when one.SizeGb < MaxGb && one.By is not { IsDown: true } && whim != Whim.Dies && whim != Whim.Lies: await Did($"extend, {whim}", () => all.Extend(one, MaxGb)); break;
            case < 18: await Did($"flatten, {whim}", () => all.Flatten(one)); break;
            case < 19 when one.By is { IsDown: false }: await Did("crash", () => all.Crash(one)); break;
            case < 19 when one.By is null && all.Volumes.Count > 1: await Did("delete", () => all.Delete(one)); break;
            case < 20 when one.By is not null: await Did("stop", () => all.Stop(one)); break;
            default: break;
        }
        all.Host.Next = Whim.Helps;
    }

    async Task Did(string what, Func<Task> act)
    {
        acts[what] = acts.GetValueOrDefault(what) + 1;
        await act();
    }
}
