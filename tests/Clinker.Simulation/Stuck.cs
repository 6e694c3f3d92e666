using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>Operations that only a person can help.</summary>
public sealed class Stuck
{
    static readonly About Source = new("volume", "11111111-1111-4111-8111-111111111111");

    [Fact]
    public async Task An_undo_that_fails_for_ever_is_stuck_with_its_fault_and_keeps_what_it_holds()
    {
        await using var world = await World.New(separate: false);
        var volume = await CreateHolding(world);
        world.FailsForGood = ""; // every act of the driver, undoing too
        var began = world.Now;
        await world.RunUntilQuiet();

        var operation = await world.OperationOf(volume);
        Assert.Equal(("stuck", null), (operation.Status, operation.Owner));
        Assert.Contains("it always does here", operation.Fault);
        Assert.InRange(world.Now - began, TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(4));
        Assert.Equal("creating", await world.StatusOf(volume));
        await Keeps(world, volume);

        // Whatever the backend reports, this one waits for a person; and resuming without mending makes it stuck again.
        world.Time.Advance(TimeSpan.FromDays(2));
        await world.Heartbeat();
        await world.RunUntilQuiet();
        Assert.Equal("stuck", (await world.OperationOf(volume)).Status);
        Assert.True(await Resume(world, volume));
        await world.RunUntilQuiet();
        Assert.Equal("stuck", (await world.OperationOf(volume)).Status);
        await Keeps(world, volume);

        world.FailsForGood = null;
        Assert.True(await Resume(world, volume));
        Assert.Equal("unwinding", (await world.OperationOf(volume)).Status);
        await world.RunUntilQuiet();
        operation = await world.OperationOf(volume);
        Assert.Equal("failed", operation.Status);
        Assert.Equal("error", await world.StatusOf(volume));
        Assert.Contains("it always does here", await world.WhyOf(volume));
        Assert.Single(await world.Messages());
        Assert.False(await world.Db.Read(tx => tx.Operations.Held(Source)));
        Assert.False(await Resume(world, volume));
        await world.Hold("resumed");
    }

    /// <summary>As the image service or the compute service may be: this is told from a database that is away, which nobody could be told of.</summary>
    [Fact]
    public async Task An_undo_for_which_something_is_unavailable_for_ever_is_stuck_too()
    {
        await using var world = await World.New(separate: false);
        var volume = await CreateHolding(world);
        (world.FailsForGood, world.FailsWith) = ("", new Fault.Unavailable("Somebody is away."));
        await world.RunUntilQuiet();
        var operation = await world.OperationOf(volume);
        Assert.Equal(("stuck", null), (operation.Status, operation.Owner));
        Assert.Contains("Somebody is away.", operation.Fault);
        await Keeps(world, volume);

        world.FailsForGood = null;
        Assert.True(await Resume(world, volume));
        await world.RunUntilQuiet();
        Assert.Equal("failed", (await world.OperationOf(volume)).Status);
        await world.Hold("resumed");
    }

    /// <summary>A copy that went to a share that is lost: what it was made of lies elsewhere, and is used on.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public async Task What_it_was_made_of_is_not_kept_by_a_share_that_a_copy_did_not_get_to(bool ofSnapshot)
    {
        await using var world = await World.New(separate: false);
        var source = await world.Create();
        await world.RunUntilQuiet();
        world.Shares.Write(source.Id, "old");
        var snapshot = await world.Snapshot(source);
        await world.RunUntilQuiet();
        var pool = PoolName.Parse(await world.PoolBeside(source)).Pool!;
        await world.Db.Commit(tx => tx.Types.Insert(new()
        {
            Id = "elsewhere", Name = "elsewhere", CreatedAt = tx.Now,
            ExtraSpecs = new Dictionary<string, string> { ["pool_name"] = pool, ["clinker:clone_mode"] = "full" },
        }));
        world.FailsForGood = ofSnapshot ? "create from snapshot: publish" : "create from volume: publish";
        var copy = await world.Db.Commit(tx => CreateVolume.Accept(tx, world.NewVolume(tx) with { VolumeTypeId = "elsewhere" }, Quotas.QuotaLimits.None, world.NewId(), "req-1",
            ofSnapshot ? new VolumeSource.OfSnapshot(snapshot.Id) : new VolumeSource.OfVolume(source.Id)));
        world.Meanwhile = (world.FailsForGood, () => { world.FailsForGood = ""; return Task.CompletedTask; }); // from then on that share does nothing any more
        await world.RunUntilQuiet();
        Assert.Equal("stuck", (await world.OperationOf(copy)).Status);
        await world.HoldCounts("stuck");

        world.FailsForGood = null;
        await world.Delete(snapshot);
        await world.RunUntilQuiet();
        await world.Delete(source); // held by nobody
        await world.RunUntilQuiet();
        Assert.Equal("creating 1 of elsewhere", await world.Outcome());
        Assert.True(await Resume(world, copy));
        await world.RunUntilQuiet();
        Assert.Equal("error 1 of elsewhere", await world.Outcome());
        await world.Hold("resumed");
    }

    /// <summary>Without an image service a volume is what it was; what it was to become is taken away when that is back.</summary>
    [Fact]
    public async Task A_volume_is_not_kept_by_an_image_service_that_is_away()
    {
        await using var world = await World.New(separate: false);
        var volume = await world.Create();
        await world.RunUntilQuiet();
        world.Shares.Write(volume.Id, "old");
        await world.Upload(volume);
        Assert.Single(world.Images.Records);
        (world.FailsForGood, world.FailsWith) = ("image: ", new Fault.Unavailable("Glance is away."));
        await world.RunUntilQuiet(TimeSpan.FromMinutes(10));
        Assert.Equal("available", await world.StatusOf(volume));
        Assert.Equal("Glance is away.", await world.WhyOf(volume));
        Assert.Single(world.Images.Records);
        await world.Extend(volume, 2);
        await world.RunUntilQuiet(TimeSpan.FromMinutes(10));
        Assert.Equal("available 2 old; image queued", await world.Outcome());

        world.FailsForGood = null;
        await world.RunUntilQuiet();
        Assert.Empty(world.Images.Records);
        await world.Hold("it is back");
    }

    [Fact]
    public async Task An_unknown_kind_is_stuck_until_a_program_that_knows_it_resumes_it()
    {
        await using var world = await World.New(separate: false);
        var volume = await CreateHolding(world);
        world.Kinds = new OperationKinds(CoreJson.Default.DeleteVolume);
        await world.RunUntilQuiet();

        var operation = await world.OperationOf(volume);
        Assert.Equal("stuck", operation.Status);
        Assert.Contains("does not know operations of kind CreateVolume", operation.Fault);
        await Keeps(world, volume);

        world.KillAll();
        world.Kinds = CoreJson.Kinds;
        Assert.True(await Resume(world, volume));
        Assert.Equal("queued", (await world.OperationOf(volume)).Status); // it had never turned round
        await world.RunUntilQuiet();
        Assert.Equal("available", await world.StatusOf(volume));
        await world.Hold("kind");
    }

    /// <summary>By a newer program that made more steps; forwards, and while it was undone.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public async Task A_journal_with_an_unknown_step_is_stuck_and_nothing_of_it_settled(bool unwinding)
    {
        await using var world = await World.New(separate: false);
        var volume = await CreateHolding(world);
        if (unwinding) world.FailsForGood = "create: publish";
        using (var cut = new Daemon(world, "cut", [Queues.Scheduler, World.Queue]) { Stepping = true })
        {
            do await cut.Step();
            while (!await Reached(world, volume, unwinding));
            await cut.Kill();
        }
        var id = (await world.OperationOf(volume)).Id;
        await world.Db.Commit(tx => tx.Operations.Journal(id, "polish", "done", "true"));
        world.Time.Advance(World.Lease);
        await world.Heartbeat();
        await world.RunUntilQuiet();

        var operation = await world.OperationOf(volume);
        Assert.Equal("stuck", operation.Status);
        Assert.Contains("polish", operation.Fault);
        Assert.Equal("creating", await world.StatusOf(volume));
        await Keeps(world, volume);

        // The program that knows the step would go on; here a person takes it out.
        await world.Db.Commit(tx => tx.Execute($"delete from journal where operation = {id} and step = 'polish'"));
        world.FailsForGood = null;
        Assert.True(await Resume(world, volume));
        Assert.Equal(unwinding ? "unwinding" : "queued", (await world.OperationOf(volume)).Status);
        await world.RunUntilQuiet();
        Assert.Equal(unwinding ? "error" : "available", await world.StatusOf(volume));
        await world.Hold("step");
    }

    [Theory, InlineData("arguments"), InlineData("result")]
    public async Task What_this_program_cant_read_is_stuck(string unreadable)
    {
        await using var world = await World.New(separate: true);
        var volume = await CreateHolding(world);
        await world.RunOnly(Queues.Scheduler);
        var id = (await world.OperationOf(volume)).Id;
        await world.Db.Commit(tx => unreadable == "arguments"
            ? tx.Execute($"""update operation set arguments = '["by a newer program"]' where id = {id}""")
            : tx.Execute($"""update journal set data = '["by a newer program"]' where operation = {id} and step = 'place'"""));
        await world.RunUntilQuiet();

        var operation = await world.OperationOf(volume);
        Assert.Equal("stuck", operation.Status);
        Assert.Contains("can't read", Fault.WordsOf(operation.Fault));
        Assert.DoesNotContain("by a newer program", operation.Fault); // who looks at it need not know what is in there
        await Keeps(world, volume);
    }

    /// <summary>Each undo fails once, at each act, also when the daemon is cut before or after that.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public async Task An_undo_that_fails_once_is_repeated(bool separate)
    {
        var runs = 0;
        foreach (var kind in new[] { Trouble.Away, Trouble.Failure, Trouble.Bug })
            for (var first = 0; ; first++)
            {
                await using var world = await World.New(separate, (first, kind));
                world.FailsForGood = "create: publish";
                var volume = await world.Create();
                await world.RunUntilQuiet();
                Assert.Equal("error", await world.StatusOf(volume));
                await world.Hold($"{kind} at {first}");
                if (!world.HadAllTroubles) break;
                runs++;
            }
        Assert.True(runs > 60, $"only {runs} runs");
    }

    static async Task<bool> Reached(World world, Volume volume, bool unwinding)
    {
        var operation = await world.OperationOf(volume);
        if (unwinding) return operation.Status == "unwinding";
        return (await world.Db.Read(tx => tx.Operations.Journal(operation.Id))).Exists(e => e.Step == "create");
    }

    /// <summary>A create that holds a source, as one from a snapshot does.</summary>
    static Task<Volume> CreateHolding(World world) => world.Db.Commit(async tx =>
    {
        var volume = await tx.Volumes.Insert(world.NewVolume(tx, sizeGb: 3));
        await tx.Quotas.Take(volume, Quotas.QuotaLimits.None);
        await tx.Operations.Start(world.NewId(), new CreateVolume(volume.Id), Queues.Scheduler, "p", "req-1", Source);
        return volume;
    });

    static async Task<bool> Resume(World world, Volume volume)
    {
        var id = (await world.OperationOf(volume)).Id;
        return await world.Db.Commit(tx => tx.Operations.Resume(id));
    }

    /// <summary>Nobody may delete the volume or its source, and both quota and room are as before.</summary>
    static async Task Keeps(World world, Volume volume)
    {
        await world.HoldCounts("stuck");
        Assert.True(await world.Db.Read(tx => tx.Operations.Held(Source)));
        Assert.Equal(3, await world.Db.Read(tx => tx.Quotas.InUse("p", "gigabytes")));
        var refused = await Assert.ThrowsAsync<FaultException>(() => world.Delete(volume, force: true));
        Assert.IsType<Fault.Invalid>(refused.Fault);
        Assert.Equal("creating", await world.StatusOf(volume));
    }
}
