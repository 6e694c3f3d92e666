using Clinker.Server.Api;

namespace Clinker.Server.Shapes;

/// <summary>What older clients were told instead. A member that is merely absent needs no line.</summary>
static class Changes
{
    public static readonly Change[] All =
    [
        // 3.69 lets it be unknown; before, an unknown one is to be treated with care.
        Change.Of<VolumeInFull>(69, v => v with { SharedTargets = v.SharedTargets ?? true }),
    ];
}
