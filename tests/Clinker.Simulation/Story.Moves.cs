using Clinker.Operations;

namespace Clinker.Simulation;

// Volumes that go into another pool, or get another type.
sealed partial record Story
{
    static Story AMigration => new("Migrate", AVolume, async (w, s) => await w.Migrate(s.Volume!, await w.PoolBeside(s.Volume!)),
        "available 1 old success", "available 1 old error");

    static Story ARetype => new("Retype", AVolume, async (w, s) => await w.Retype(s.Volume!, await w.Type("t")),
        "available 1 old of t", "available 1 old");

    static Story AConversion => new("RetypeAndConvert", AVolume,
        async (w, s) => await w.Retype(s.Volume!, await w.TypeWith("t", "clinker:format", "qcow2"), mayMove: false),
        "available 1 old of t success qcow2", "available 1 old error", "available 1 old");

    static IEnumerable<Story> OfMoves =>
    [
        AMigration,
        ThatFails(AMigration, "create filled: publish", "available 1 old error"),
        AMigration with { Name = "MigrateAcross", Before = AVolumeAndABackend, Accept = (w, s) => w.Migrate(s.Volume!, World.Second, locks: true) },
        AMigration with
        {
            Name = "MigrateCancelled",
            Accept = async (w, s) =>
            {
                await AMigration.Accept(w, s);
                await w.RunOnly(Queues.Scheduler);
                var id = (await w.OperationOf(s.Volume!)).Id;
                await w.Db.Commit(tx => tx.Operations.Cancel(id, CoreJson.Kinds));
            },
            Ends = ["available 1 old error"],
        },
        AMigration with
        {
            Name = "MigrateToNowhere",
            Accept = (w, s) => w.Migrate(s.Volume!, $"{World.Queue}#nowhere"),
            Ends = ["available 1 old error"],
        },
        new("MigrateWhileConnecting", AVolumeAndABackend,
            async (w, s) => { await w.Migrate(s.Volume!, World.Second); await w.Connect(s.Volume!); },
            "attaching 1 old success", "attaching 1 old error", "available 1 old success", "available 1 old error"),
        ARetype,
        new("RetypeAndDeleteSnapshot", ASnapshot,
            async (w, s) => { await w.Retype(s.Volume!, await w.Type("t")); await w.Delete(s.Snapshot!); },
            "available 1 new of t", "available 1 new", "available 1 new of t; error_deleting 1 old", "available 1 new; error_deleting 1 old",
            "available 1 new of t; error_deleting 1", "available 1 new; error_deleting 1"),
        new("RetypeAndMove", AVolumeAndABackend, async (w, s) => await w.Retype(s.Volume!, await w.Type("t", "c")),
            "available 1 old of t success", "available 1 old", "available 1 old error"),
        AConversion,
        ThatFails(AConversion, "create filled: publish", "available 1 old error", "available 1 old"),
        ARetype with
        {
            Name = "RetypeThatMayNotMove",
            Before = AVolumeAndABackend,
            Accept = async (w, s) => await w.Retype(s.Volume!, await w.Type("t", "c"), mayMove: false),
            Ends = ["available 1 old"],
        },
    ];

    static async Task<Scene> AVolumeAndABackend(World world)
    {
        var scene = await AVolume(world);
        await world.AddBackend();
        return scene;
    }
}
