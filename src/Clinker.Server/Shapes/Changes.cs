using Clinker.Server.Api;

namespace Clinker.Server.Shapes;

/// <summary>What older clients were told instead. A member that is merely absent needs no line.</summary>
static class Changes
{
    public static readonly Change[] All =
    [
        Change.Of<VolumeInFull>(69, "A volume's shared_targets may be null for unknown; before, such a volume is to be treated with care: true.",
            v => v with { SharedTargets = v.SharedTargets ?? true }),
    ];
}
