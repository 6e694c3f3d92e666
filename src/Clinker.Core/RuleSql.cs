using Clinker.Store;

namespace Clinker;

/// <summary>A rule as parts of a statement: the same for every table whose rows have a status.</summary>
static class RuleSql
{
    extension(Rule rule)
    {
        /// <summary>What it sets. A rule without a status of its own changes nothing, but keeps the row until the transaction ends.</summary>
        public Sql Sets(Tx tx) => rule.Via is null ? Sql.Raw("status = status") : Sql.Of($"status = {rule.Via}, updated_at = {tx.Now}");

        /// <summary>The condition on the status, behind another one.</summary>
        public Sql AndFrom => rule.From is null ? Sql.Nothing : Sql.Of($" and status in ({Sql.List(rule.From)})");
    }
}
